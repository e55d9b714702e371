--- Accepted text goes into the buffer.

local place = require('slmcode.place')
local text_of = require('slmcode.text')

local api = vim.api

local M = {}

--- What comes next begins an undo step of its own.
local function break_undo()
  vim.bo.undolevels = vim.bo.undolevels
end

--- Put a piece at the cursor, as an undo step of its own, and the cursor behind it.
---@param piece string
---@param replaces integer bytes right of the cursor that go away
function M.insert(piece, replaces)
  local row, column = place.cursor()
  local lines = text_of.lines(piece)
  break_undo()
  api.nvim_buf_set_text(0, row, column, row, column + replaces, lines)
  local last = #lines
  api.nvim_win_set_cursor(0, { row + last, (last == 1 and column or 0) + #lines[last] })
  break_undo()
end

return M
