--- The model's weights, fetched by `slmcode models pull` with progress.

local client_of = require('slmcode.client')
local notify = require('slmcode.notify')
local options = require('slmcode.options')
local status = require('slmcode.status')
local text_of = require('slmcode.text')
local work = require('slmcode.work')

local M = {}

local what = 'downloading'
local SAY_EVERY = 10 -- per cent

--- What one line of progress means. Pure.
---@param line string
---@return {event: string, done?: integer, total?: integer, path?: string, message?: string}?
function M.parse(line)
  local ok, event = pcall(vim.json.decode, line)
  return ok and type(event) == 'table' and type(event.event) == 'string' and event or nil
end

function M.run()
  if work.is_running(what) then
    notify.say('already downloading; :SlmcodeCancel stops it')
    return
  end
  local role = options.settings().model or 'fast'
  if role ~= 'fast' and role ~= 'quality' then
    notify.warn(('the model is the file %s; nothing to download'):format(role))
    return
  end
  local command = client_of.tool('models', 'pull', role, '--json')
  local problem = client_of.problem()
  if not command or problem then
    notify.warn(problem or 'the server is a function: run "slmcode models pull" in a terminal')
    return
  end

  local rest, failure, said = '', nil, -SAY_EVERY
  local function on_event(event)
    if event.event == 'progress' and event.total and event.total > 0 then
      local words = ('%s of %s'):format(text_of.size(event.done), text_of.size(event.total))
      status.set_download('downloading ' .. words)
      local percent = 100 * event.done / event.total
      if percent >= said + SAY_EVERY then
        said = percent - percent % SAY_EVERY
        vim.api.nvim_echo({ { ('slmcode: %s (%d %%)'):format(words, percent) } }, false, {})
      end
    elseif event.event == 'error' then
      failure = event.message
    end
  end
  local job ---@type vim.SystemObj
  local this = { what = what }
  local stopped = false
  function this.stop()
    stopped = true
    job:kill('sigterm')
  end
  status.set_download(what)
  job = vim.system(command, {
    text = true,
    stdout = function(_, data)
      rest = rest .. (data or '')
      local lines = vim.split(rest, '\n')
      rest = table.remove(lines)
      vim.schedule(function()
        for _, line in ipairs(lines) do
          local event = M.parse(line)
          if event then
            on_event(event)
          end
        end
      end)
    end,
  }, function(done)
    vim.schedule(function()
      work.over(this)
      status.set_download('')
      if stopped then
        notify.say('download cancelled')
      elseif done.code ~= 0 then
        local last = vim.trim(done.stderr or ''):match('[^\n]*$')
        last = last ~= '' and last or 'code ' .. done.code
        notify.warn('download failed: ' .. (failure or last))
      else
        notify.forget('model')
        notify.say('the model is there')
        if status.get().state ~= 'ready' then
          client_of.restart()
        end
      end
    end)
  end)
  work.set(this)
end

return M
