--- A command that fails is run, and an edit that makes it pass is shown. See :SlmcodeDebug.

local options = require('slmcode.options')
local review = require('slmcode.review')
local status = require('slmcode.status')
local work = require('slmcode.work')

local M = {}

local last = '' -- the command given last

---@param client vim.lsp.Client
---@param buf integer
---@param command string
local function debug(client, buf, command)
  last = command
  local what = 'debugging'
  work.start(client, 'slmcode/debug', {
    command = command,
    textDocument = vim.lsp.util.make_text_document_params(buf),
  }, {
    buf = buf,
    what = what,
    on_part = function(value)
      status.set_busy(('%s: %s'):format(what, value.step or ''))
    end,
    on_done = function(result)
      review.result(result, client.offset_encoding)
    end,
  })
end

---@param buf integer
---@param command string asked for where it is empty
function M.run(buf, command)
  local client = work.client(buf, 'debug', 'debugging')
  if not client then
    return
  elseif command ~= '' then
    debug(client, buf, command)
    return
  end
  local usual = last ~= '' and last or options.settings().test_command or ''
  vim.ui.input({ prompt = 'Command that fails: ', default = usual }, function(given)
    if given and vim.trim(given) ~= '' then
      debug(client, buf, vim.trim(given))
    end
  end)
end

return M
