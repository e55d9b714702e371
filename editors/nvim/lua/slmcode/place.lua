--- Where the cursor is, and whether ghost text has a place there.

local snooze = require('slmcode.snooze')
local text_of = require('slmcode.text')

local api = vim.api

local M = {}

---@return integer row from 0
---@return integer column bytes
function M.cursor()
  local row, column = unpack(api.nvim_win_get_cursor(0))
  return row - 1, column
end

--- The cursor as a client counts.
---@param client vim.lsp.Client
---@return lsp.Position
function M.position(client)
  local row, column = M.cursor()
  local line = api.nvim_get_current_line()
  return { line = row, character = text_of.character(line, column, client.offset_encoding) }
end

---@return boolean
function M.is_inserting()
  return api.nvim_get_mode().mode:sub(1, 1) == 'i'
end

--- Whether ghost text has a place in the current buffer just now.
---@param buf integer
---@return boolean
function M.is_free(buf)
  return M.is_inserting()
    and vim.fn.pumvisible() == 0
    and vim.bo[buf].buftype == ''
    and vim.bo[buf].modifiable
    and not vim.bo[buf].readonly
    and vim.b[buf].slmcode ~= false
    and vim.fn.reg_recording() == ''
    and vim.fn.reg_executing() == ''
    and snooze.is_on(buf)
end

return M
