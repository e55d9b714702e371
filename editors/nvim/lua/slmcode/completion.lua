--- Completions, whoever draws them: what the keys do, and which buffers have them.

local lsp = require('slmcode.lsp')
local notify = require('slmcode.notify')
local options = require('slmcode.options')
local place = require('slmcode.place')
local report = require('slmcode.report')
local snooze = require('slmcode.snooze')

local api = vim.api

local M = {}

--- `own.lua` or `native.lua`.
local function display()
  return require('slmcode.' .. options.current.display)
end

--- A server serves a buffer from now on.
---@param client vim.lsp.Client
---@param buf integer
function M.attach(client, buf)
  local group = api.nvim_create_augroup('slmcode.buffer.' .. buf, {})
  local function on(events, callback)
    api.nvim_create_autocmd(events, {
      group = group,
      buffer = buf,
      desc = 'slmcode',
      callback = function()
        if lsp.client(buf) then
          callback()
        end
      end,
    })
  end
  on({ 'CursorMoved', 'InsertEnter' }, report.cursor_rests)
  display().attach(client, buf, on)
end

--- Nothing is shown from now on.
function M.hide()
  display().hide()
end

--- Whether a key for accepting would do so.
---@return boolean
function M.is_visible()
  return display().is_visible()
end

--- The server has more text for a place.
---@param params {textDocument: {uri: string}, position: lsp.Position}
function M.refresh(params)
  display().refresh(params)
end

--- Ask now, for a block or for one line.
---@param one_line? boolean
function M.complete(one_line)
  local buf = api.nvim_get_current_buf()
  if not lsp.client(buf) then
    notify.warn(require('slmcode.client').missing())
    return
  end
  if not place.is_inserting() then
    api.nvim_create_autocmd('InsertEnter', {
      once = true,
      callback = vim.schedule_wrap(function()
        if place.is_inserting() then
          M.complete(one_line)
        end
      end),
    })
    vim.cmd.startinsert({ bang = vim.fn.col('.') >= vim.fn.col('$') - 1 })
    return
  end
  local off = snooze.words(buf)
  if off ~= '' then
    notify.say('completions are ' .. off)
    return
  end
  display().complete(one_line or false)
end

local ACTIONS = {
  accept = function()
    return display().accept('all')
  end,
  ['accept-word'] = function()
    return display().accept('word')
  end,
  ['accept-line'] = function()
    return display().accept('line')
  end,
  dismiss = function()
    return display().dismiss()
  end,
  next = function()
    return display().step(1)
  end,
  prev = function()
    return display().step(-1)
  end,
  complete = function()
    M.complete(false)
    return true
  end,
  ['complete-line'] = function()
    M.complete(true)
    return true
  end,
}

--- Do what a `<Plug>(slmcode-…)` mapping is for.
---@param action string "accept-word"
---@return boolean done false where nothing was shown
function M.act(action)
  return ACTIONS[action]()
end

return M
