--- The places that a text of the server's names: [text](file:///a.py#L12) and a/b.py:12.

local M = {}

local MARKDOWN = '%[([^%]]+)%]%(<?(file:[^%s)#>]+)#?L?(%d*)[^)]*%)' -- and no ] in the text
local PATH = '([%w%._~+@/-]+%.%w+):(%d+)'

---@class slmcode.Link
---@field first integer byte column, from 0
---@field last integer
---@field target string a URI, or a path
---@field line integer from 1

--- Text without Markdown's escapes, which stand outside of code only.
---@param text string
---@return string
local function plain(text)
  local shown, at = '', 1
  for first, last in text:gmatch('()`[^`]*`()') do
    shown = shown .. text:sub(at, first - 1):gsub('\\(%p)', '%1') .. text:sub(first, last - 1)
    at = last
  end
  return shown .. (text:sub(at):gsub('\\(%p)', '%1'))
end

--- The links of one line, Markdown's ones replaced by their text. Pure.
---@param line string
---@return string line
---@return slmcode.Link[]
function M.of(line)
  local links, shown, at = {}, '', 1
  while true do
    local first, last, text, target, number = line:find(MARKDOWN, at)
    if not first then
      break
    end
    shown = shown .. plain(line:sub(at, first - 1))
    text = plain(text)
    links[#links + 1] = {
      first = #shown,
      last = #shown + #text,
      target = target,
      line = tonumber(number) or 1,
    }
    shown = shown .. text
    at = last + 1
  end
  shown = shown .. plain(line:sub(at))
  local from = 1
  while true do
    local first, last, path, number = shown:find(PATH, from)
    if not first then
      break
    end
    local covered = vim.iter(links):any(function(link)
      return first - 1 < link.last and last > link.first
    end)
    if not covered then
      links[#links + 1] =
        { first = first - 1, last = last, target = path, line = tonumber(number) or 1 }
    end
    from = last + 1
  end
  return shown, links
end

--- The file that a link leads to; nil where there is none.
---@param link slmcode.Link
---@param roots string[] folders that paths are relative to
---@return string?
function M.file(link, roots)
  if vim.startswith(link.target, 'file:') then
    return vim.uri_to_fname(link.target)
  end
  local places = { link.target }
  for _, root in ipairs(roots) do
    places[#places + 1] = root .. '/' .. link.target
  end
  for _, place in ipairs(places) do
    if vim.fn.filereadable(place) == 1 then
      return vim.fn.fnamemodify(place, ':p')
    end
  end
end

return M
