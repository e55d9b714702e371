--- `:Slmcode {sub}` and the commands that are named `:Slmcode…`.

local client_of = require('slmcode.client')
local lsp = require('slmcode.lsp')
local notify = require('slmcode.notify')
local schema = require('slmcode.settings')
local snooze = require('slmcode.snooze')
local work = require('slmcode.work')

local api = vim.api

local M = {}

---@class slmcode.Command
---@field run fun(words: string[], arguments: table)
---@field complete? fun(lead: string): string[]

--- Lines that a command is for.
---@param arguments table
---@return integer? first from 1; nil where no range was given
---@return integer? last
local function lines_of(arguments)
  if arguments.range == 0 then
    return nil, nil
  end
  return arguments.line1, arguments.line2
end

---@param command string[]
local function in_terminal(command)
  vim.cmd('botright new')
  vim.bo.bufhidden = 'wipe'
  if vim.fn.has('nvim-0.11') == 1 then
    vim.fn.jobstart(command, { term = true })
  else
    vim.fn.termopen(command)
  end
  vim.cmd.normal({ 'G', bang = true })
end

---@return string[]
local function filetypes()
  return vim.fn.getcompletion('', 'filetype')
end

---@type table<string, slmcode.Command>
local COMMANDS = {
  enable = {
    run = function(words)
      snooze.switch(true, words[1])
    end,
    complete = filetypes,
  },
  disable = {
    run = function(words)
      snooze.switch(false, words[1])
    end,
    complete = filetypes,
  },
  snooze = {
    run = function(words)
      local minutes = tonumber(words[1] or '5')
      if not minutes or minutes < 0 then
        notify.warn('write it as :SlmcodeSnooze 30 (minutes; 0 wakes)')
        return
      end
      snooze.snooze(minutes)
    end,
    complete = function()
      return { '0', '5', '15', '60' }
    end,
  },
  complete = {
    run = function(words)
      require('slmcode.completion').complete(words[1] == 'line')
    end,
    complete = function()
      return { 'block', 'line' }
    end,
  },
  edit = {
    run = function(words, arguments)
      local here = vim.fn.line('.')
      local first, last = lines_of(arguments)
      require('slmcode.edit').run(
        api.nvim_get_current_buf(),
        first or here,
        last or here,
        table.concat(words, ' ')
      )
    end,
  },
  refactor = {
    run = function(_, arguments)
      local buf = api.nvim_get_current_buf()
      require('slmcode.edit').actions(buf, 'refactor', lines_of(arguments))
    end,
  },
  fix = {
    run = function(_, arguments)
      local buf = api.nvim_get_current_buf()
      require('slmcode.edit').actions(buf, 'quickfix', lines_of(arguments))
    end,
  },
  debug = {
    run = function(words)
      require('slmcode.debugging').run(api.nvim_get_current_buf(), table.concat(words, ' '))
    end,
  },
  module = {
    run = function(words)
      require('slmcode.modules').run(api.nvim_get_current_buf(), table.concat(words, ' '))
    end,
  },
  problem = {
    run = function()
      require('slmcode.explain').problem(api.nvim_get_current_buf())
    end,
  },
  traceback = {
    run = function(words, arguments)
      require('slmcode.explain').traceback(words[1], lines_of(arguments))
    end,
  },
  explain = {
    run = function(_, arguments)
      require('slmcode.explain').run(api.nvim_get_current_buf(), lines_of(arguments))
    end,
  },
  translate = {
    run = function(words, arguments)
      local buf = api.nvim_get_current_buf()
      require('slmcode.translate').run(buf, words[1], lines_of(arguments))
    end,
    complete = function()
      return require('slmcode.translate').targets(api.nvim_get_current_buf())
    end,
  },
  prompt = {
    run = function()
      require('slmcode.why').prompt(api.nvim_get_current_buf())
    end,
  },
  why = {
    run = function()
      require('slmcode.why').run(api.nvim_get_current_buf())
    end,
  },
  trace = {
    run = function()
      require('slmcode.why').trace(api.nvim_get_current_buf())
    end,
  },
  status = {
    run = function()
      require('slmcode.why').status(api.nvim_get_current_buf())
    end,
  },
  benchmark = {
    run = function()
      local command = client_of.tool('doctor', '--measure')
      local problem = client_of.problem()
      if problem or not command then
        notify.warn(problem or 'the server is a function: run "slmcode doctor --measure"')
        return
      end
      in_terminal(command)
    end,
  },
  restart = {
    run = function()
      client_of.restart()
    end,
  },
  log = {
    run = function()
      vim.cmd.split(vim.fn.fnameescape(lsp.log_path()))
      vim.bo.readonly = true
      vim.cmd.normal({ 'G', bang = true })
    end,
  },
  download = {
    run = function()
      require('slmcode.download').run()
    end,
  },
  cancel = {
    run = function()
      local what = work.cancel()
      notify.say(what and ('stopped ' .. what) or 'nothing is running')
    end,
  },
  set = {
    run = function(words)
      local name, value, problem = require('slmcode.checks').assignment(table.concat(words, ' '))
      if not name then
        notify.warn(problem or '')
        return
      end
      require('slmcode').set(name, value)
    end,
    complete = function()
      return vim.tbl_map(function(name)
        return name .. '='
      end, vim.tbl_keys(schema))
    end,
  },
}

---@return boolean
local function is_set_up()
  local slmcode = require('slmcode')
  if slmcode.is_set_up then
    slmcode.ensure()
    return true
  end
  notify.warn("not set up: require('slmcode').setup() belongs into your init.lua")
  return false
end

---@param name string
---@param words string[]
---@param arguments table
local function run(name, words, arguments)
  if is_set_up() then
    COMMANDS[name].run(words, arguments)
  end
end

--- `:Slmcode {sub} …`; without a sub-command the status.
---@param arguments table of nvim_create_user_command
function M.run(arguments)
  local words = vim.list_extend({}, arguments.fargs)
  local name = table.remove(words, 1) or 'status'
  if not COMMANDS[name] then
    notify.warn(('there is no :Slmcode %s; Tab shows what there is'):format(name))
    return
  end
  run(name, words, arguments)
end

--- `:SlmcodeWhy` and the others.
---@param name string
---@param arguments table
function M.run_one(name, arguments)
  run(name, arguments.fargs, arguments)
end

---@param lead string
---@param candidates string[]
---@return string[]
local function matching(lead, candidates)
  local found = vim.tbl_filter(function(candidate)
    return vim.startswith(candidate, lead)
  end, candidates)
  table.sort(found)
  return found
end

--- Completion of `:Slmcode …`.
---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local name = line:match('Slmcode%s+(%S+)%s')
  if not name then
    return matching(lead, vim.tbl_keys(COMMANDS))
  end
  return M.complete_one(name, lead)
end

--- Completion of a command's own words.
---@param name string
---@param lead string
---@return string[]
function M.complete_one(name, lead)
  local command = COMMANDS[name]
  return command and command.complete and matching(lead, command.complete(lead)) or {}
end

return M
