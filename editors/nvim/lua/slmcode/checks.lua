--- Values against the schema of `settings.lua` and of the options: a wrong one is named, not used.

local schema = require('slmcode.settings')

local M = {}

---@class slmcode.Setting
---@field type 'boolean'|'integer'|'number'|'string'|'string[]'
---@field default any
---@field description string
---@field unit? string
---@field enum? string[] the only values allowed
---@field minimum? number
---@field maximum? number

---@param value any
---@param row slmcode.Setting
---@return string? problem
local function problem_of(value, row)
  local expected = row.type
  if expected == 'string[]' then
    if type(value) ~= 'table' or not vim.islist(value) then
      return 'must be a list of strings'
    end
    for _, entry in ipairs(value) do
      if type(entry) ~= 'string' then
        return 'must be a list of strings'
      end
    end
  elseif expected == 'integer' then
    if type(value) ~= 'number' or value % 1 ~= 0 then
      return 'must be a whole number'
    end
  elseif type(value) ~= expected then
    return 'must be a ' .. expected
  end
  if row.enum and not vim.tbl_contains(row.enum, value) then
    return 'must be one of ' .. table.concat(row.enum, ', ')
  end
  if row.minimum and value < row.minimum then
    return ('must be at least %s'):format(row.minimum)
  end
  if row.maximum and value > row.maximum then
    return ('must be at most %s'):format(row.maximum)
  end
end

--- The settings that are right, and one sentence per one that is not.
---@param values table<string, any>
---@return table<string, any> settings
---@return string[] problems
function M.settings(values)
  local good, problems = {}, {}
  for name, value in vim.spairs(values) do
    local row = schema[name]
    local problem = not row and 'is not known' or problem_of(value, row)
    if problem then
      problems[#problems + 1] = ('settings.%s %s; ignored'):format(name, problem)
    else
      good[name] = value
    end
  end
  return good, problems
end

--- A setting typed as `name=value`, as in `:Slmcode set deadline_ms=200`.
---@param assignment string
---@return string? name
---@return any value nil for `name=`, which is the default again
---@return string? problem
function M.assignment(assignment)
  local name, written = assignment:match('^([%w_]+)%s*=%s*(.*)$')
  local row = name and schema[name]
  if not name then
    return nil, nil, 'write it as name=value, such as deadline_ms=200'
  elseif not row then
    return nil, nil, ('there is no setting %s'):format(name)
  elseif written == '' then
    return name, nil, nil
  end
  local value = written ---@type any
  if row.type == 'boolean' then
    value = ({ ['true'] = true, ['false'] = false })[written]
    if value == nil then
      return nil, nil, name .. ' must be true or false'
    end
  elseif row.type == 'integer' or row.type == 'number' then
    value = tonumber(written)
    if value == nil then
      return nil, nil, name .. ' must be a number'
    end
  elseif row.type == 'string[]' then
    value = vim.split(written, '%s*,%s*', { trimempty = true })
  end
  local problem = problem_of(value, row)
  if problem then
    return nil, nil, name .. ' ' .. problem
  end
  return name, value, nil
end

---@class slmcode.OptionRow
---@field default any
---@field check fun(value: any): string? what is wrong with it

---@param expected string
---@return fun(value: any): string?
local function of_type(expected)
  return function(value)
    return type(value) ~= expected and ('must be a %s'):format(expected) or nil
  end
end

---@param value any
---@return string?
local function list_of_strings(value)
  return problem_of(value, { type = 'string[]', default = {}, description = '' })
end

M.KEYS = {
  accept = '<Tab>',
  accept_word = '<M-Right>',
  accept_line = '<M-C-Right>',
  dismiss = '<C-]>',
  next = '<M-]>',
  prev = '<M-[>',
  complete = '<M-Bslash>',
  complete_line = '<M-CR>',
}

---@type table<string, slmcode.OptionRow>
M.OPTIONS = {
  cmd = {
    default = { 'slmcode', 'serve' },
    check = function(value)
      if type(value) == 'function' then
        return nil
      end
      return list_of_strings(value) or (#value == 0 and 'must not be empty' or nil)
    end,
  },
  display = {
    default = 'own',
    check = function(value)
      if value ~= 'own' and value ~= 'native' then
        return 'must be "own" or "native"'
      elseif value == 'native' and vim.fn.has('nvim-0.12') == 0 then
        return '"native" needs Neovim 0.12'
      end
    end,
  },
  auto = { default = true, check = of_type('boolean') },
  debounce_ms = {
    default = 0,
    check = function(value)
      return problem_of(
        value,
        { type = 'integer', default = 0, description = '', minimum = 0, maximum = 5000 }
      )
    end,
  },
  root_markers = { default = { '.git', '.hg', '.jj' }, check = list_of_strings },
  settings = { default = {}, check = of_type('table') },
  keymaps = {
    default = M.KEYS,
    check = function(value)
      if value == false then
        return nil
      elseif type(value) ~= 'table' then
        return 'must be false or a table'
      end
      for name, key in pairs(value) do
        if not M.KEYS[name] then
          return ('has no action %q'):format(tostring(name))
        elseif key ~= false and type(key) ~= 'string' then
          return ('.%s must be a key or false'):format(name)
        end
      end
    end,
  },
}

--- Options with the defaults where nothing, or something wrong, was given.
---@param given table<string, any>
---@return table<string, any> options
---@return string[] problems
function M.options(given)
  local options, problems = {}, {}
  for name in vim.spairs(given) do
    if not M.OPTIONS[name] then
      problems[#problems + 1] = ('option %s is not known; ignored'):format(name)
    end
  end
  for name, row in vim.spairs(M.OPTIONS) do
    local value = given[name]
    local problem = value ~= nil and row.check(value) or nil
    if problem then
      problems[#problems + 1] = ('option %s %s; using the default'):format(name, problem)
    end
    if value == nil or problem then
      value = vim.deepcopy(row.default)
    end
    options[name] = value
  end
  if options.keymaps ~= false then
    options.keymaps = vim.tbl_extend('force', M.KEYS, options.keymaps)
  end
  local wrong
  options.settings, wrong = M.settings(options.settings)
  return options, vim.list_extend(problems, wrong)
end

return M
