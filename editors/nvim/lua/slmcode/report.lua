--- What the server is told of suggestions and of the cursor, and what it is asked about blanks.

local lsp = require('slmcode.lsp')
local place = require('slmcode.place')
local snooze = require('slmcode.snooze')
local status = require('slmcode.status')
local text_of = require('slmcode.text')
local timer = require('slmcode.timer')

local api = vim.api

local M = {}

local REST_MS = 300 -- an empty answer has come to rest: the reason is asked for
local MOVED_MS = 150 -- the cursor has come to rest: the server works ahead

local blank, moved = timer.new(), timer.new()

---@param method string
---@param shown slmcode.Shown
---@param more? table
local function tell(method, shown, more)
  local client = vim.lsp.get_client_by_id(shown.client_id)
  if client then
    local item = shown.items[shown.index]
    lsp.notify(client, method, vim.tbl_extend('error', { item = item }, more or {}))
  end
end

--- What tells one suggestion that was shown from another.
---@param shown slmcode.Shown
---@return string
function M.key(shown)
  local command = shown.items[shown.index].command
  local id = command and command.arguments and command.arguments[1] or ''
  return tostring(id) .. '\0' .. shown.index
end

--- The item has become visible.
---@param shown slmcode.Shown
function M.shown(shown)
  tell('textDocument/didShowCompletion', shown)
end

--- The user sent the item away.
---@param shown slmcode.Shown
function M.dismissed(shown)
  tell('slmcode/didDismissCompletion', shown)
end

--- The first `typed` bytes of the item were accepted, or typed.
---@param shown slmcode.Shown
---@param typed integer
function M.accepted(shown, typed)
  local item = shown.items[shown.index]
  local whole = shown.suggestion.whole
  local client = vim.lsp.get_client_by_id(shown.client_id)
  if client and typed == #whole and item.command then
    lsp.request(client, 'workspace/executeCommand', {
      command = item.command.command,
      arguments = item.command.arguments,
    }, function() end, shown.buf)
  elseif typed < #whole then
    tell('textDocument/didPartiallyAcceptCompletion', shown, {
      acceptedLength = text_of.utf16_length(whole:sub(1, typed)),
    })
  end
end

--- Ask why nothing came.
---@param client vim.lsp.Client
---@param buf integer
---@param on_answer? fun(why: string)
function M.ask_reason(client, buf, on_answer)
  blank.stop()
  local params = { textDocument = vim.lsp.util.make_text_document_params(buf) }
  lsp.request(client, 'slmcode/lastCompletion', params, function(_, last)
    status.from_last_completion(last)
    if on_answer then
      on_answer(last and (last.message or last.reason) or '')
    end
  end, buf)
end

--- The same, when the user has paused on it.
---@param client vim.lsp.Client
---@param buf integer
function M.ask_reason_at_rest(client, buf)
  blank.start(REST_MS, function()
    if api.nvim_buf_is_valid(buf) and vim.lsp.buf_is_attached(buf, client.id) then
      M.ask_reason(client, buf)
    end
  end)
end

--- Something was shown, or is asked for: the last blank is no longer of interest.
function M.drop_reason()
  blank.stop()
end

--- Tell where the cursor has come to rest: the server works ahead.
function M.cursor_rests()
  local buf = api.nvim_get_current_buf()
  local client = lsp.client(buf)
  moved.stop()
  if not client or not snooze.is_on(buf) then
    return
  end
  moved.start(MOVED_MS, function()
    if api.nvim_get_current_buf() == buf and vim.lsp.buf_is_attached(buf, client.id) then
      lsp.notify(client, 'slmcode/cursorMoved', {
        textDocument = vim.lsp.util.make_text_document_params(buf),
        position = place.position(client),
      })
    end
  end)
end

--- The user types on: neither the reason for the last blank nor where the cursor was matters now.
function M.typed_on()
  blank.stop()
  moved.stop()
end

return M
