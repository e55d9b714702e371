--- Default keys. None takes a mapping from the user, and each does what it did before where
--- nothing is shown.

local options = require('slmcode.options')

local M = {}

---@class slmcode.OwnMap
---@field lhs string

local ours = {} ---@type table<string, string> key by action

--- Keys of ours that the user had mapped already, for :checkhealth.
---@type table<string, string>
M.taken = {}

--- Neovim's own insert-mode mapping of Tab only jumps in a snippet; ours does so as well.
---@param map table
---@return boolean
local function is_neovims(map)
  return vim.startswith(map.desc or '', 'vim.snippet.jump')
end

---@param key string
---@return table? map of somebody else's
local function others(key)
  local map = vim.fn.maparg(key, 'i', false, true)
  if vim.tbl_isempty(map) or map.buffer == 1 or is_neovims(map) then
    return nil
  end
  return not vim.startswith(map.desc or '', 'slmcode') and map or nil
end

--- What a key does where nothing is shown.
---@param key string
---@return string
local function fallback(key)
  if key:lower() == '<tab>' and vim.snippet.active({ direction = 1 }) then
    return '<Cmd>lua vim.snippet.jump(1)<CR>'
  elseif key:match('^<[MmAa]%-') then
    return '' -- left to Neovim it would leave insert mode, or type the letter
  end
  return key
end

---@param action string "accept_word"
---@param key string
local function map(action, key)
  local name = action:gsub('_', '-')
  local always = action == 'complete' or action == 'complete_line'
  vim.keymap.set('i', key, function()
    local completion = require('slmcode.completion')
    if always or completion.is_visible() then
      return ('<Cmd>lua require("slmcode.completion").act(%q)<CR>'):format(name)
    end
    return fallback(key)
  end, { expr = true, replace_keycodes = true, silent = true, desc = 'slmcode: ' .. name })
end

--- Set the keys as the options want them; those set before go away.
function M.apply()
  for _, key in pairs(ours) do
    if vim.startswith(vim.fn.maparg(key, 'i', false, true).desc or '', 'slmcode') then
      vim.keymap.del('i', key)
    end
  end
  ours, M.taken = {}, {}
  for action, key in vim.spairs(options.current.keymaps or {}) do
    if key and others(key) then
      M.taken[action] = key
    elseif key then
      map(action, key)
      ours[action] = key
    end
  end
end

return M
