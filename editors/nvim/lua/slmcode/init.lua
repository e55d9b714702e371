--- slmcode: completions, edits and more from a small model on this machine. See :help slmcode.

local M = {}

local waits = false -- for Neovim to have started

--- Put the options into force.
---@param given? slmcode.Options
local function apply(given)
  local options = require('slmcode.options')
  local before = vim.deepcopy(options.current)
  local problems = options.set(given)
  if #problems > 0 then
    require('slmcode.notify').warn(table.concat(problems, '\n'))
  end
  local highlights = require('slmcode.highlights')
  highlights.define()
  vim.api.nvim_create_autocmd('ColorScheme', {
    group = vim.api.nvim_create_augroup('slmcode', {}),
    desc = 'slmcode: highlight groups',
    callback = highlights.define,
  })
  require('slmcode.keymaps').apply()

  local client = require('slmcode.client')
  if not client.is_enabled then
    client.enable()
    return
  end
  local now = options.current
  if not vim.deep_equal(before.cmd, now.cmd) or before.display ~= now.display then
    client.restart()
  else
    client.push_settings()
  end
  require('slmcode.completion').hide()
  require('slmcode.status').changed()
end

--- Set up, or set up anew: settings reach a running server without a restart.
---
--- While Neovim starts nothing is done but to remember the options.
---@param given? slmcode.Options
function M.setup(given)
  M.is_set_up = true
  if vim.v.vim_did_enter == 1 then
    waits = false
    apply(given)
    return
  end
  M.given = given
  if not waits then
    waits = true
    vim.api.nvim_create_autocmd('VimEnter', {
      once = true,
      desc = 'slmcode: start',
      callback = vim.schedule_wrap(M.ensure),
    })
  end
end

--- Do now what waits for Neovim to have started.
function M.ensure()
  if waits then
    waits = false
    apply(M.given)
  end
end

--- Change one setting of the server; nil: its default.
---@param name string
---@param value any
function M.set(name, value)
  local options = require('slmcode.options')
  local settings = vim.deepcopy(options.settings())
  settings[name] = value
  local good, problems = require('slmcode.checks').settings(settings)
  if #problems > 0 then
    require('slmcode.notify').warn(table.concat(problems, '\n'))
  end
  options.current.settings = good
  require('slmcode.client').push_settings()
  require('slmcode.completion').hide()
  require('slmcode.status').changed()
end

--- For a status line: the state, and why nothing was shown last.
---@return string
function M.statusline()
  if not M.is_set_up or waits then
    return ''
  end
  return require('slmcode.status').statusline()
end

--- Whether a suggestion is on the screen.
---@return boolean
function M.is_visible()
  return require('slmcode.completion').is_visible()
end

--- Switch on, for everything or for one language.
---@param language? string
function M.enable(language)
  require('slmcode.snooze').switch(true, language)
end

--- Switch off, for everything or for one language.
---@param language? string
function M.disable(language)
  require('slmcode.snooze').switch(false, language)
end

--- No completions for so many minutes.
---@param minutes number
function M.snooze(minutes)
  require('slmcode.snooze').snooze(minutes)
end

for _, action in ipairs({
  'accept',
  'accept_word',
  'accept_line',
  'dismiss',
  'next',
  'prev',
  'complete',
  'complete_line',
}) do
  --- In insert mode; true where there was something to do.
  M[action] = function()
    return require('slmcode.completion').act((action:gsub('_', '-')))
  end
end

return M
