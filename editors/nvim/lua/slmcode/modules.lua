--- A whole module is refactored: a plan by units first, then unit by unit, then one review.

local outcome_of = require('slmcode.outcome')
local review = require('slmcode.review')
local status = require('slmcode.status')
local view = require('slmcode.view')
local work = require('slmcode.work')

local api = vim.api

local M = {}

local HEAD = 3 -- lines above the units

--- The plan for people, with the units from line HEAD + 1 on. Pure.
---@param plan table the answer to slmcode/planModule
---@return string[]
function M.plan_lines(plan)
  local lines = {
    '# ' .. plan.instruction,
    '<Space> leaves a unit out · <CR> begins · q goes away. Nothing is written before you accept.',
    '',
  }
  for _, unit in ipairs(plan.units) do
    local first, last = unit.range.start.line + 1, unit.range['end'].line
    if unit.range['end'].character > 0 then
      last = last + 1
    end
    local after = #unit.after > 0 and ', after ' .. table.concat(unit.after, ', ') or ''
    lines[#lines + 1] = ('[x] %s · lines %d-%d%s'):format(unit.name, first, last, after)
  end
  for _, left in ipairs(plan.leftOut or {}) do
    lines[#lines + 1] = ('left out: %s (%s)'):format(left.name, left.reason)
  end
  return lines
end

--- The names of the units that are ticked.
---@param lines string[]
---@param plan table
---@return string[]
function M.ticked(lines, plan)
  local names = {}
  for n, unit in ipairs(plan.units) do
    if vim.startswith(lines[HEAD + n] or '', '[x]') then
      names[#names + 1] = unit.name
    end
  end
  return names
end

---@param client vim.lsp.Client
---@param buf integer
---@param plan table
---@param units string[]
local function refactor(client, buf, plan, units)
  local what = 'refactoring'
  work.start(client, 'slmcode/refactorModule', { planId = plan.planId, units = units }, {
    buf = buf,
    what = what,
    keeps = true,
    on_part = function(value)
      status.set_busy(('%s %s'):format(what, outcome_of.progress(value.units or {}, #units)))
    end,
    on_done = function(result)
      review.result(result, client.offset_encoding)
    end,
  })
end

---@param client vim.lsp.Client
---@param buf integer the module
---@param plan table
local function show(client, buf, plan)
  local window = view.open('plan', {
    height = math.min(#plan.units + HEAD + #(plan.leftOut or {}) + 1, 20), -- and the title
    title = ' refactor the module ',
  })
  view.set_lines(window.buf, M.plan_lines(plan))
  api.nvim_win_set_cursor(window.win, { math.min(HEAD + 1, vim.fn.line('$')), 0 })
  vim.keymap.set('n', '<Space>', function()
    local row = api.nvim_win_get_cursor(window.win)[1]
    local lines = api.nvim_buf_get_lines(window.buf, 0, -1, false)
    local box, rest = lines[row]:match('^%[([x ])%](.*)$')
    if box then
      lines[row] = ('[%s]%s'):format(box == 'x' and ' ' or 'x', rest)
      view.set_lines(window.buf, lines)
      api.nvim_win_set_cursor(window.win, { row, 0 })
    end
  end, { buffer = window.buf, nowait = true, desc = 'leave the unit out, or take it' })
  vim.keymap.set('n', '<CR>', function()
    local units = M.ticked(api.nvim_buf_get_lines(window.buf, 0, -1, false), plan)
    view.close(window)
    if #units > 0 then
      refactor(client, buf, plan, units)
    end
  end, { buffer = window.buf, desc = 'begin' })
end

---@param client vim.lsp.Client
---@param buf integer
---@param instruction string
local function ask(client, buf, instruction)
  work.start(client, 'slmcode/planModule', {
    textDocument = vim.lsp.util.make_text_document_params(buf),
    instruction = instruction,
  }, {
    buf = buf,
    what = 'planning',
    progress = false,
    on_done = function(plan)
      show(client, buf, plan)
    end,
  })
end

---@param buf integer
---@param instruction string asked for where it is empty
function M.run(buf, instruction)
  local client = work.client(buf, 'modules', 'refactoring of modules')
  if not client then
    return
  elseif instruction ~= '' then
    ask(client, buf, instruction)
    return
  end
  vim.ui.input({ prompt = 'Refactor the module: ' }, function(given)
    if given and vim.trim(given) ~= '' then
      ask(client, buf, vim.trim(given))
    end
  end)
end

return M
