--- What Neovim itself asks for: code actions of `vim.lsp.buf.code_action()`, and renaming.
---
--- Neovim before 0.12 makes every edit without a question. An edit that is to be confirmed becomes
--- a command of this client's, which shows it with its verdict; progress stands in the status line,
--- and :SlmcodeCancel takes it back.

local changes_of = require('slmcode.changes')
local lsp = require('slmcode.lsp')
local status = require('slmcode.status')
local work = require('slmcode.work')

local M = {}

local COMMAND = 'slmcode.review'
local CANCELLED = -32800

---@param client vim.lsp.Client
function M.attach(client)
  client.commands = client.commands or {}
  client.commands[COMMAND] = function(command)
    local action = command.arguments[1]
    local outcome = require('slmcode.edit').outcome(action)
    require('slmcode.review').offer(action.edit, outcome, client.offset_encoding)
  end
  lsp.intercept(client, 'textDocument/rename', function(_, handler, send)
    send(function(err, edit, ...)
      return handler(err, edit and changes_of.bare(edit), ...)
    end)
  end)
  lsp.intercept(client, 'codeAction/resolve', function(action, handler, send)
    local this = { what = action.title } ---@type slmcode.Work
    local id ---@type integer?
    local function over()
      work.over(this)
      status.set_busy('')
    end
    function this.stop()
      over()
      if id then
        lsp.cancel(client, id)
      end
    end
    work.cancel()
    work.set(this)
    status.set_busy(action.title)
    id = send(function(err, resolved, ...)
      over()
      if err and err.code == CANCELLED then
        return
      end
      if resolved and resolved.edit and changes_of.needs_confirmation(resolved.edit) then
        local shown = vim.deepcopy(resolved)
        resolved.edit = nil
        resolved.command = { title = resolved.title, command = COMMAND, arguments = { shown } }
      elseif resolved and resolved.edit then
        resolved.edit = changes_of.bare(resolved.edit)
      end
      return handler(err, resolved, ...)
    end)
  end)
end

return M
