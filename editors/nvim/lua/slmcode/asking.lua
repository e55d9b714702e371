--- Requests for completions: one at a time; the one before is taken back.

local display = require('slmcode.display')
local lsp = require('slmcode.lsp')
local offer = require('slmcode.offer')
local options = require('slmcode.options')
local place = require('slmcode.place')
local report = require('slmcode.report')
local status = require('slmcode.status')
local timer = require('slmcode.timer')

local api = vim.api

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED, AUTOMATIC = 1, 2

---@class slmcode.Ask
---@field one_line? boolean
---@field index? integer which item to show
---@field keeps? boolean what is shown stays where nothing comes

---@class slmcode.Asked: slmcode.Ask a request that is out, and where it was made
---@field id integer?
---@field client_id integer
---@field buf integer
---@field kind 1|2 LSP's InlineCompletionTriggerKind
---@field row integer
---@field column integer
---@field line string
---@field tick integer

local pending ---@type slmcode.Asked?
local wait = timer.new()

--- The request that is out, if any.
---@return slmcode.Asked?
function M.pending()
  return pending
end

--- Take back the request that is out, if any.
function M.cancel()
  wait.stop()
  report.drop_reason()
  if pending then
    local client = vim.lsp.get_client_by_id(pending.client_id)
    if client and pending.id then
      lsp.cancel(client, pending.id)
    end
    pending = nil
    status.set_busy('')
  end
end

--- Whether the text and the cursor are where they were when it was asked.
---@param asked slmcode.Asked
---@return boolean
local function is_current(asked)
  local row, column = place.cursor()
  return api.nvim_get_current_buf() == asked.buf
    and vim.b[asked.buf].changedtick == asked.tick
    and row == asked.row
    and column == asked.column
    and place.is_free(asked.buf)
end

--- Nothing came for a request by command: say why, at the cursor.
---@param client vim.lsp.Client
---@param asked slmcode.Asked
local function say_why(client, asked)
  report.ask_reason(client, asked.buf, function(why)
    if is_current(asked) and not offer.held() then
      display.say('nothing to suggest here' .. (why ~= '' and ': ' .. why or ''))
    end
  end)
end

---@param asked slmcode.Asked
---@param err lsp.ResponseError?
---@param result any
local function on_answer(asked, err, result)
  if pending ~= asked then
    return -- taken back
  end
  pending = nil
  status.set_busy('')
  local client = vim.lsp.get_client_by_id(asked.client_id)
  if not client or not is_current(asked) then
    return
  end
  local items = type(result) == 'table' and (result.items or result) or {}
  if not err and #items > 0 then
    report.drop_reason()
    status.set_reason('')
    offer.show(asked, items, asked.kind == INVOKED)
  elseif not (asked.keeps and offer.redraw()) then
    offer.hide()
    if asked.kind == INVOKED and not err then
      say_why(client, asked)
    else
      report.ask_reason_at_rest(client, asked.buf)
    end
  end
end

--- Ask at the cursor; what was asked before is taken back.
---@param kind 1|2
---@param how? slmcode.Ask
local function request(kind, how)
  M.cancel()
  local buf = api.nvim_get_current_buf()
  local client = lsp.client(buf)
  if not client or not place.is_free(buf) then
    return
  end
  local row, column = place.cursor()
  local asked = vim.tbl_extend('error', {
    client_id = client.id,
    buf = buf,
    kind = kind,
    row = row,
    column = column,
    line = api.nvim_get_current_line(),
    tick = vim.b[buf].changedtick,
  }, how or {})
  pending = asked
  if kind == INVOKED then
    status.set_busy('asking')
  end
  asked.id = lsp.request(client, METHOD, {
    textDocument = vim.lsp.util.make_text_document_params(buf),
    position = place.position(client),
    context = { triggerKind = kind },
  }, function(err, result)
    on_answer(asked, err, result)
  end, buf)
end

--- Ask by command.
---@param how? slmcode.Ask
function M.invoke(how)
  request(INVOKED, how)
end

--- Ask while typing, after the wait the user wants.
function M.soon()
  if not options.current.auto then
    return
  end
  local ms = options.current.debounce_ms
  if ms == 0 then
    request(AUTOMATIC)
    return
  end
  M.cancel()
  wait.start(ms, function()
    request(AUTOMATIC)
  end)
end

--- Ask for more of what is shown, which stays where nothing comes.
function M.again()
  request(AUTOMATIC, { keeps = true })
end

--- The server has more text for a place: ask again if the cursor is there.
---@param params {textDocument: {uri: string}, position: lsp.Position}
function M.refresh(params)
  local buf = api.nvim_get_current_buf()
  local client = lsp.client(buf)
  local shown = offer.held()
  if pending or not client or not options.current.auto or (shown and shown.invoked) then
    return
  end
  local is_here = params.textDocument.uri == vim.uri_from_bufnr(buf)
    and vim.deep_equal(params.position, place.position(client))
  if is_here then
    M.again()
  end
end

return M
