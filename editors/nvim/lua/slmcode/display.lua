--- Draws ghost text: the first line in the cursor's line, further ones as virtual lines below it.

local suggestion = require('slmcode.suggestion')
local text_of = require('slmcode.text')

local api = vim.api

local M = {}

local NAMESPACE = api.nvim_create_namespace('slmcode')
local MARK, HINT = 1, 2 -- drawing again moves the marks, so nothing is gone in between

local shown_in ---@type integer? the buffer with the mark
local is_words = false -- it is no ghost text

--- Put words behind a line.
---@param buf integer
---@param row integer
---@param words string
local function say_behind(buf, row, words)
  api.nvim_buf_set_extmark(buf, NAMESPACE, row, 0, {
    id = HINT,
    virt_text = { { ' ' .. vim.trim(words), 'SlmcodeHint' } },
    virt_text_pos = 'eol',
    undo_restore = false,
  })
end

--- Draw `rest` at the cursor of the current window.
---@param rest string not empty
---@param hint string at the end of the line, or ""
function M.draw(rest, hint)
  local buf = api.nvim_get_current_buf()
  if shown_in and shown_in ~= buf then
    M.clear()
  end
  local row, column = unpack(api.nvim_win_get_cursor(0))
  local tabstop = vim.bo[buf].tabstop
  local lines = text_of.lines(rest)
  local start = #lines[1] > 0 and vim.fn.virtcol('.') - 1 or 0
  local function cells(line, at)
    local spaces = suggestion.expand_tabs(line, tabstop, at, vim.fn.strdisplaywidth)
    return { spaces, 'SlmcodeSuggestion' }
  end

  local below = {}
  for i = 2, #lines do
    below[#below + 1] = { cells(lines[i], 0) }
  end
  local room = api.nvim_win_get_height(0) - vim.fn.winline()
  if #below > room then
    hint = ('  +%d line%s'):format(#below, #below == 1 and '' or 's') .. hint
  end
  api.nvim_buf_set_extmark(buf, NAMESPACE, row - 1, column, {
    id = MARK,
    virt_text = { cells(lines[1], start) },
    virt_text_pos = 'inline',
    virt_lines = #below > 0 and below or nil,
    hl_mode = 'combine',
    undo_restore = false,
  })
  shown_in, is_words = buf, false
  if hint == '' then
    api.nvim_buf_del_extmark(buf, NAMESPACE, HINT)
  else
    say_behind(buf, row - 1, hint)
  end
end

--- Say something behind the cursor's line, until the ghost text would go away.
---@param words string
function M.say(words)
  M.clear()
  local buf = api.nvim_get_current_buf()
  say_behind(buf, api.nvim_win_get_cursor(0)[1] - 1, words)
  shown_in, is_words = buf, true
end

--- Take the ghost text away.
function M.clear()
  if shown_in then
    if api.nvim_buf_is_valid(shown_in) then
      api.nvim_buf_clear_namespace(shown_in, NAMESPACE, 0, -1)
    end
    shown_in, is_words = nil, false
  end
end

--- Whether ghost text is on the screen.
---@return boolean
function M.is_drawn()
  return shown_in ~= nil and not is_words
end

return M
