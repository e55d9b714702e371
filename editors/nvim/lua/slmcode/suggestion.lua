--- One offered completion while it is on the screen: what of it is left, and pieces of it.
---
--- Its text begins at `row`, `column` and spells what was typed since as well. So "does it still
--- fit?" is one question: does the text begin with what stands between there and the cursor?
---
---     print(res           typed
---           ^column  ^cursor
---           result)       text: "ult)" is left
---
--- Pure: the buffer is given as lines.

local text_of = require('slmcode.text')

local M = {}

---@class slmcode.Suggestion
---@field text string what the item would put at `row`, `column`; lines end with "\n"
---@field whole string the item's own text, of which `text` may be the first line only
---@field row integer from 0
---@field column integer bytes
---@field after string what stood right of the cursor when it was asked for
---@field replaces integer bytes right of the cursor that accepting takes away

--- A suggestion from an item of the server's answer.
---@param item table an LSP InlineCompletionItem
---@param row integer the cursor's line, from 0
---@param column integer the cursor's byte column
---@param line string the cursor's line
---@param encoding 'utf-8'|'utf-16'|'utf-32'
---@return slmcode.Suggestion? suggestion nil where the item does not belong to the cursor
function M.new(item, row, column, line, encoding)
  local whole = item.insertText
  if type(whole) == 'table' then
    whole = whole.value
  end
  if type(whole) ~= 'string' or whole == '' then
    return nil
  end
  local first, last = column, column
  if item.range then
    if item.range.start.line ~= row or item.range['end'].line ~= row then
      return nil
    end
    first = text_of.byte_column(line, item.range.start.character, encoding)
    last = text_of.byte_column(line, item.range['end'].character, encoding)
  end
  if first > column or last < column or not vim.startswith(whole, line:sub(first + 1, column)) then
    return nil
  end
  return {
    text = whole,
    whole = whole,
    row = row,
    column = first,
    after = line:sub(column + 1),
    replaces = last - column,
  }
end

--- What is left of a suggestion when the cursor stands at `row`, `column`.
---@param suggestion slmcode.Suggestion
---@param lines string[] the buffer's lines from the suggestion's row to the cursor's
---@param row integer
---@param column integer
---@return string? rest nil where it does not fit; "" where all of it is typed
---@return integer typed bytes of the text that stand in the buffer
function M.rest(suggestion, lines, row, column)
  if row < suggestion.row or (row == suggestion.row and column < suggestion.column) then
    return nil, 0
  end
  local last = lines[#lines]
  if
    last == nil
    or #lines ~= row - suggestion.row + 1
    or last:sub(column + 1) ~= suggestion.after
  then
    return nil, 0
  end
  local parts = vim.list_extend({}, lines)
  parts[#parts] = last:sub(1, column)
  parts[1] = parts[1]:sub(suggestion.column + 1)
  local typed = table.concat(parts, '\n')
  if suggestion.text:sub(1, #typed) ~= typed then
    return nil, 0
  end
  return suggestion.text:sub(#typed + 1), #typed
end

--- The first word of a text with the white space in front of it: "foo", then "(", then "bar".
---@param text string
---@return string
function M.first_word(text)
  local space = text:match('^%s*')
  local rest = text:sub(#space + 1)
  local word = rest:match('^[%w_\128-\255]+') or rest:match('^[^%w_%s\128-\255]+') or ''
  return space .. word
end

--- The first line of a text; a text that begins a new line gives that line.
---@param text string
---@return string
function M.first_line(text)
  return text:match('^\n?[^\n]*')
end

--- What a piece of `rest` is, by the name of the key's action.
---@param rest string
---@param what 'all'|'word'|'line'
---@return string
function M.piece(rest, what)
  if what == 'word' then
    return M.first_word(rest)
  elseif what == 'line' then
    return M.first_line(rest)
  end
  return rest
end

--- Tabs as spaces, which virtual text needs.
---@param text string one line
---@param tabstop integer
---@param start integer display column of the text's first cell
---@param width fun(text: string): integer display width of a text without tabs
---@return string
function M.expand_tabs(text, tabstop, start, width)
  if not text:find('\t', 1, true) then
    return text
  end
  local out, at = {}, start
  for chunk, tab in text:gmatch('([^\t]*)(\t?)') do
    out[#out + 1] = chunk
    at = at + width(chunk)
    if tab ~= '' then
      local spaces = tabstop - at % tabstop
      out[#out + 1] = (' '):rep(spaces)
      at = at + spaces
    end
  end
  return table.concat(out)
end

return M
