--- Columns in the three units of LSP, and pieces of text. Pure: no editor in here.

local M = {}

--- UTF-16 units of a UTF-8 text.
---@param text string
---@return integer
function M.utf16_length(text)
  local length = 0
  for i = 1, #text do
    local byte = text:byte(i)
    if byte >= 0xF0 then
      length = length + 2
    elseif byte < 0x80 or byte >= 0xC0 then
      length = length + 1
    end
  end
  return length
end

--- The byte column of an LSP character in a line; the line's length where it is past the end.
---@param line string
---@param character integer
---@param encoding 'utf-8'|'utf-16'|'utf-32'
---@return integer
function M.byte_column(line, character, encoding)
  if encoding == 'utf-8' then
    return math.min(character, #line)
  end
  local units = 0
  for i = 1, #line do
    local byte = line:byte(i)
    if byte < 0x80 or byte >= 0xC0 then
      if units >= character then
        return i - 1
      end
      units = units + ((encoding == 'utf-16' and byte >= 0xF0) and 2 or 1)
    end
  end
  return #line
end

--- The LSP character of a byte column in a line.
---@param line string
---@param column integer bytes
---@param encoding 'utf-8'|'utf-16'|'utf-32'
---@return integer
function M.character(line, column, encoding)
  local before = line:sub(1, column)
  if encoding == 'utf-8' then
    return #before
  elseif encoding == 'utf-16' then
    return M.utf16_length(before)
  end
  local _, continuation = before:gsub('[\128-\191]', '')
  return #before - continuation
end

--- The lines of a text: "a\nb" is two, "" is one.
---@param text string
---@return string[]
function M.lines(text)
  local lines = {}
  for line in (text .. '\n'):gmatch('([^\n]*)\n') do
    lines[#lines + 1] = line
  end
  return lines
end

--- Lines as one text.
---@param lines string[]
---@return string
function M.joined(lines)
  return table.concat(lines, '\n')
end

--- A size for people.
---@param bytes integer
---@return string
function M.size(bytes)
  if bytes >= 1e9 then
    return ('%.1f GB'):format(bytes / 1e9)
  end
  return ('%.0f MB'):format(bytes / 1e6)
end

return M
