--- Neovim 0.12's own inline completion, with what it lacks: partial accept, what was shown and
--- dismissed is told to the server, a request that was overtaken is taken back, and accepting after
--- typing along does not insert the typed part again.
---
--- Neovim draws, and asks 200 ms after the last key. What it shows is read from its extmark.

local insert = require('slmcode.insert')
local lsp = require('slmcode.lsp')
local options = require('slmcode.options')
local report = require('slmcode.report')
local snooze = require('slmcode.snooze')
local status = require('slmcode.status')
local suggestion = require('slmcode.suggestion')

local api = vim.api

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED = 1
local NAMESPACE = api.nvim_create_namespace('nvim.lsp.inline_completion')

---@class slmcode.NativeAnswer
---@field client_id integer
---@field buf integer
---@field items table[]
---@field row integer
---@field column integer
---@field line string

local answer ---@type slmcode.NativeAnswer? the newest one
local out = {} ---@type table<integer, integer> the request that is out, by client
local told = '' -- the item that the server knows to be shown

--- The text that Neovim has drawn, and where it begins.
---@param buf integer
---@return string? drawn
---@return integer row
---@return integer column
local function drawn_in(buf)
  local marks = api.nvim_buf_get_extmarks(buf, NAMESPACE, 0, -1, { details = true, limit = 1 })
  local mark = marks[1]
  if not mark then
    return nil, 0, 0
  end
  local lines = { mark[4].virt_text or {} }
  vim.list_extend(lines, mark[4].virt_lines or {})
  local texts = vim.tbl_map(function(chunks)
    return chunks[1] and chunks[1][1] or '' -- further chunks are hints
  end, lines)
  return table.concat(texts, '\n'), mark[2], mark[3]
end

--- The item that is drawn at the cursor, as offer.lua knows a suggestion.
---@return slmcode.Shown?
---@return string rest
---@return integer typed
local function shown()
  local buf = api.nvim_get_current_buf()
  if not answer or answer.buf ~= buf then
    return nil, '', 0
  end
  local drawn = drawn_in(buf)
  local client = vim.lsp.get_client_by_id(answer.client_id)
  if not drawn or not client then
    return nil, '', 0
  end
  local row, column = unpack(api.nvim_win_get_cursor(0))
  row = row - 1
  for index, item in ipairs(answer.items) do
    local made =
      suggestion.new(item, answer.row, answer.column, answer.line, client.offset_encoding)
    if made and row >= made.row then
      local lines = api.nvim_buf_get_lines(buf, made.row, row + 1, false)
      local rest, typed = suggestion.rest(made, lines, row, column)
      if rest == drawn and rest ~= '' then
        return {
          buf = buf,
          client_id = answer.client_id,
          items = answer.items,
          index = index,
          suggestion = made,
        },
          rest,
          typed
      end
    end
  end
  return nil, '', 0
end

local function tell_shown()
  local what = shown()
  if what and told ~= report.key(what) then
    told = report.key(what)
    report.shown(what)
  end
end

--- Stand between Neovim's module and the client: take back what was overtaken, remember answers.
---@param client vim.lsp.Client
local function intercept(client)
  if rawget(client, '_slmcode_request') then
    return
  end
  client._slmcode_request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  function client.request(self, method, params, handler, buf)
    if method ~= METHOD then
      return self._slmcode_request(self, method, params, handler, buf)
    end
    if out[self.id] then
      self:cancel_request(out[self.id])
      out[self.id] = nil
    end
    local is_invoked = params.context.triggerKind == INVOKED
    local is_typed_along = not is_invoked and shown() ~= nil
    local is_off = not snooze.is_on(buf) or (not is_invoked and not options.current.auto)
    if is_typed_along or is_off then
      return false
    end
    local row, column = unpack(api.nvim_win_get_cursor(0))
    local asked = {
      client_id = self.id,
      buf = buf,
      row = row - 1,
      column = column,
      line = api.nvim_get_current_line(),
    }
    local ok, id
    ok, id = self._slmcode_request(self, method, params, function(err, result, context)
      if out[self.id] ~= id then
        return -- taken back
      end
      out[self.id] = nil
      asked.items = type(result) == 'table' and (result.items or result) or {}
      answer = asked
      if not err then
        handler(err, result, context)
        if #asked.items == 0 then
          report.ask_reason_at_rest(self, buf)
        else
          status.set_reason('')
        end
        tell_shown()
      end
    end, buf)
    out[self.id] = ok and id or nil
    return ok, id
  end
end

---@param client vim.lsp.Client
---@param buf integer
---@param on fun(events: string|string[], callback: fun()) what happens in the buffer
function M.attach(client, buf, on)
  intercept(client)
  vim.lsp.inline_completion.enable(true, { bufnr = buf })
  on({ 'CursorMovedI', 'TextChangedI' }, function() -- behind Neovim, which draws what fits no more
    report.typed_on()
    if not shown() then
      api.nvim_buf_clear_namespace(buf, NAMESPACE, 0, -1)
    end
  end)
  on('InsertLeavePre', function()
    local what = shown()
    if what then
      report.dismissed(what)
    end
    answer = nil
  end)
end

function M.hide()
  answer = nil
  api.nvim_buf_clear_namespace(api.nvim_get_current_buf(), NAMESPACE, 0, -1)
end

---@return boolean
function M.is_visible()
  return shown() ~= nil
end

---@param what 'all'|'word'|'line'
---@return boolean
function M.accept(what)
  local now, rest, typed = shown()
  if not now then
    return false
  end
  local piece = suggestion.piece(rest, what)
  if piece == rest then
    -- Through Neovim, so that its state ends with it.
    return vim.lsp.inline_completion.get({
      on_accept = function()
        insert.insert(rest, now.suggestion.replaces)
        report.accepted(now, typed + #rest)
        answer = nil
      end,
    })
  end
  insert.insert(piece, 0) -- Neovim draws what is left when the cursor has moved
  report.accepted(now, typed + #piece)
  return true
end

---@return boolean
function M.dismiss()
  local what = shown()
  if not what then
    return false
  end
  report.dismissed(what)
  vim.lsp.inline_completion.get({ -- the one way to end what is shown
    on_accept = function()
      return nil
    end,
  })
  answer = nil
  return true
end

---@param by integer
---@return boolean
function M.step(by)
  local what = shown()
  if not what then
    return false
  end
  if #what.items == 1 then
    M.complete()
    return true
  end
  vim.lsp.inline_completion.select({ count = by })
  tell_shown()
  return true
end

--- Ask by command. Neovim has no function for it: its handler is given the answer.
function M.complete()
  local buf = api.nvim_get_current_buf()
  local client = lsp.client(buf)
  local active = require('vim.lsp._capability').all.inline_completion.active[buf]
  if client and active then
    active:request(INVOKED)
  end
end

--- `slmcode/refresh` is not asked for: Neovim asks once per pause.
function M.refresh() end

return M
