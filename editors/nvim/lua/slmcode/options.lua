--- The options in force: what `setup` was given, checked, with the defaults under it.

local checks = require('slmcode.checks')

---@class slmcode.Keymaps
---@field accept? string|false default <Tab>
---@field accept_word? string|false default <M-Right>
---@field accept_line? string|false default <M-C-Right>
---@field dismiss? string|false default <C-]>
---@field next? string|false default <M-]>
---@field prev? string|false default <M-[>
---@field complete? string|false default <M-Bslash>: several lines, by command
---@field complete_line? string|false default <M-CR>: one line, by command

---@class slmcode.Options
---@field cmd? string[] the server's command; default { 'slmcode', 'serve' }
---@field display? 'own'|'native' who draws: this plugin, or Neovim 0.12's inline completion
---@field auto? boolean ask while typing; false: by key only
---@field debounce_ms? integer wait this long after a key before asking, in ms; default 0
---@field root_markers? string[] what a workspace folder has in it
---@field keymaps? slmcode.Keymaps|false false: none
---@field settings? slmcode.Settings the server's own settings

local M = {}

---@type slmcode.Options
M.current = (checks.options({}))

--- The server's settings, as an override of its defaults.
---@return table<string, any>
function M.settings()
  return M.current.settings
end

--- Take what the user gave; one sentence per wrong value comes back.
---@param given? slmcode.Options
---@return string[] problems
function M.set(given)
  if type(given) ~= 'table' and given ~= nil then
    return { 'setup wants a table' }
  end
  local problems
  M.current, problems = checks.options(given or {})
  return problems
end

return M
