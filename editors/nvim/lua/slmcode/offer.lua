--- The suggestion that is on the screen: one at a time, in the current buffer.
---
--- While the user types along it is drawn anew before Neovim draws the screen.

local display = require('slmcode.display')
local place = require('slmcode.place')
local report = require('slmcode.report')
local suggestion = require('slmcode.suggestion')

local api = vim.api

local M = {}

local MAX_LINES = 100 -- no suggestion is longer

---@class slmcode.Shown
---@field buf integer
---@field client_id integer
---@field items table[]
---@field index integer
---@field invoked boolean
---@field one_line boolean asked for by the key for one line
---@field row integer where it was asked for
---@field column integer
---@field line string
---@field suggestion slmcode.Suggestion
---@field told table<string, true> what the server knows to be shown

local current ---@type slmcode.Shown?

--- What is left of a suggestion at the cursor.
---@param buf integer
---@param made slmcode.Suggestion
---@return string? rest nil where it does not fit the text any more
---@return integer typed bytes of it that are in the buffer
local function rest_of(buf, made)
  local row, column = place.cursor()
  if buf ~= api.nvim_get_current_buf() or row < made.row or row - made.row > MAX_LINES then
    return nil, 0
  end
  local lines = api.nvim_buf_get_lines(buf, made.row, row + 1, false)
  return suggestion.rest(made, lines, row, column)
end

--- What is offered at the cursor, if anything is.
---@return slmcode.Shown? shown nil where nothing is, or nothing of it is left
---@return string rest
---@return integer typed bytes of it that are in the buffer
function M.current()
  if not current then
    return nil, '', 0
  end
  local rest, typed = rest_of(current.buf, current.suggestion)
  if not rest or rest == '' then
    return nil, '', 0
  end
  return current, rest, typed
end

--- What was shown last, also where the cursor has left it just now.
---@return slmcode.Shown?
function M.held()
  return current
end

--- Nothing is offered from now on.
function M.hide()
  current = nil
  display.clear()
end

---@param shown slmcode.Shown
local function tell_shown(shown)
  local key = report.key(shown)
  if not shown.told[key] then
    shown.told[key] = true
    vim.schedule(function() -- behind the drawing
      report.shown(shown)
    end)
  end
end

--- Draw what is left of the suggestion, or hide it.
---@return boolean drawn
function M.redraw()
  local shown, rest = M.current()
  if not shown then
    M.hide()
    return false
  end
  local count = #shown.items
  display.draw(rest, count > 1 and (' (%d/%d)'):format(shown.index, count) or '')
  tell_shown(shown)
  return true
end

--- Show an item if it fits the text as it is now; else leave things as they are.
---@param shown slmcode.Shown
---@param index integer
---@return boolean drawn
local function select(shown, index)
  local client = vim.lsp.get_client_by_id(shown.client_id)
  local encoding = client and client.offset_encoding or 'utf-16'
  local made =
    suggestion.new(shown.items[index], shown.row, shown.column, shown.line, encoding)
  if not made then
    return false
  end
  if shown.one_line then
    made.text = suggestion.first_line(made.text)
  end
  local rest = rest_of(shown.buf, made)
  if not rest or rest == '' then
    return false
  end
  shown.index, shown.suggestion = index, made
  current = shown
  return M.redraw()
end

--- Show one of the items of an answer.
---@param asked slmcode.Asked
---@param items table[] not empty
---@param invoked boolean
function M.show(asked, items, invoked)
  local shown = {
    buf = asked.buf,
    client_id = asked.client_id,
    items = items,
    index = 1,
    invoked = invoked,
    one_line = asked.one_line,
    row = asked.row,
    column = asked.column,
    line = asked.line,
    told = current and current.told or {},
  }
  local first = math.min(asked.index or 1, #items)
  if not select(shown, first) and not (first > 1 and select(shown, 1)) then
    M.hide()
  end
end

--- Show another item of the same answer; those that do not fit what was typed are passed over.
---@param by integer 1 or -1
function M.step(by)
  local count = current and #current.items or 0
  for steps = 1, count - 1 do
    if select(current, (current.index - 1 + by * steps) % count + 1) then
      return
    end
  end
end

return M
