--- Switches: on and off for everything, for a language, for a while.
---
--- Off and on are the server's own settings (`enabled`, `disabled_languages`), so that other things
--- it does know of them; snoozing is ours.

local languages = require('slmcode.languages')
local options = require('slmcode.options')

local M = {}

local timer ---@type uv.uv_timer_t?
local ends = 0 -- in ms of vim.uv.now(); 0: awake

--- Minutes of sleep that are left, rounded up; 0 when awake.
---@return integer
function M.minutes_left()
  return math.max(0, math.ceil((ends - vim.uv.now()) / 60000))
end

--- Whether the words change by themselves.
---@return boolean
function M.varies()
  return ends > 0 or #(options.settings().disabled_languages or {}) > 0
end

--- Why a buffer gets no completions, for the status line; "" where it does.
---@param buf integer
---@return string
function M.words(buf)
  local settings = options.settings()
  if settings.enabled == false then
    return 'off'
  elseif ends > 0 then
    return ('snoozed %d min'):format(M.minutes_left())
  end
  local language = languages.id(vim.bo[buf].filetype)
  if vim.tbl_contains(settings.disabled_languages or {}, language) then
    return 'off for ' .. language
  end
  return ''
end

--- Whether a buffer gets completions.
---@param buf integer
---@return boolean
function M.is_on(buf)
  return M.words(buf) == ''
end

local function changed()
  require('slmcode.completion').hide()
  require('slmcode.status').changed()
end

local function wake()
  if timer then
    timer:stop()
    timer:close()
    timer = nil
  end
  ends = 0
end

--- No completions for so many minutes; 0 wakes.
---@param minutes number
function M.snooze(minutes)
  wake()
  if minutes > 0 then
    local ms = math.floor(minutes * 60000)
    vim.uv.update_time()
    ends = vim.uv.now() + ms
    timer = vim.defer_fn(function()
      timer = nil
      ends = 0
      changed()
    end, ms)
  end
  changed()
end

---@param name string
---@param value any nil: the server's default
local function set(name, value)
  options.settings()[name] = value
  require('slmcode.client').push_settings()
  changed()
end

--- Switch on or off, for everything or for one language (a file type or an LSP identifier).
---@param on boolean
---@param language? string
function M.switch(on, language)
  if not language then
    if on then
      wake()
    end
    set('enabled', on)
    return
  end
  local id = languages.id(language)
  local disabled = vim.tbl_filter(function(other)
    return other ~= id
  end, options.settings().disabled_languages or {})
  if not on then
    table.insert(disabled, id)
  end
  set('disabled_languages', disabled)
end

return M
