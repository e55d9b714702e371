--- Neovim's file types and LSP's language identifiers, where they differ.

local M = {}

local IDS = {
  bash = 'shellscript',
  cs = 'csharp',
  make = 'makefile',
  objc = 'objective-c',
  objcpp = 'objective-cpp',
  sh = 'shellscript',
  zsh = 'shellscript',
  tex = 'latex',
  text = 'plaintext',
}

--- The LSP identifier of a file type (or of an identifier: itself).
---@param filetype string
---@return string
function M.id(filetype)
  filetype = filetype:match('^[^.]*') -- "yaml.ansible" is yaml
  return IDS[filetype] or filetype
end

--- The file type of an LSP identifier.
---@param id string
---@return string
function M.filetype(id)
  if id == 'shellscript' then
    return 'sh'
  end
  for filetype, other in pairs(IDS) do
    if other == id then
      return filetype
    end
  end
  return id
end

return M
