--- A translation beside its source: verdicts at each unit, and both windows on the same unit.

local languages = require('slmcode.languages')
local lsp = require('slmcode.lsp')
local notify = require('slmcode.notify')
local text_of = require('slmcode.text')
local view = require('slmcode.view')
local work = require('slmcode.work')

local api = vim.api

local M = {}

---@class slmcode.Unit
---@field name string
---@field sourceRange lsp.Range
---@field range lsp.Range
---@field verdict 'proved'|'differs'|'not proved'|'refused'
---@field reason string
---@field form 'faithful'|'idiomatic'

M.VERDICTS = {
  proved = { sign = '✓', group = 'SlmcodeProved' },
  differs = { sign = '✗', group = 'SlmcodeDiffers' },
  ['not proved'] = { sign = '?', group = 'SlmcodeNotProved' },
  refused = { sign = '–', group = 'SlmcodeRefused' },
}

--- What stands behind a unit's first line, and below it where there is more to say. Pure.
---@param unit slmcode.Unit
---@return string verdict
---@return string reason or ""
function M.verdict_text(unit)
  local look = M.VERDICTS[unit.verdict] or M.VERDICTS['not proved']
  local verdict = look.sign .. ' ' .. unit.verdict
  if unit.form and unit.form ~= '' then
    verdict = verdict .. ', ' .. unit.form
  end
  return verdict, unit.reason or ''
end

--- How many units have each verdict, for the title. Pure.
---@param units slmcode.Unit[]
---@return string
function M.summary(units)
  local counts = {}
  for _, unit in ipairs(units) do
    counts[unit.verdict] = (counts[unit.verdict] or 0) + 1
  end
  local parts = {}
  for _, verdict in ipairs({ 'proved', 'differs', 'not proved', 'refused' }) do
    if counts[verdict] then
      parts[#parts + 1] = ('%d %s'):format(counts[verdict], verdict)
    end
  end
  return table.concat(parts, ' · ')
end

--- The unit that holds a line, or the last one before it. Pure.
---@param units slmcode.Unit[]
---@param line integer from 0
---@param side 'sourceRange'|'range'
---@return slmcode.Unit?
function M.unit_at(units, line, side)
  local best
  for _, unit in ipairs(units) do
    local start = unit[side].start.line
    if start <= line and (not best or start > best[side].start.line) then
      best = unit
    end
  end
  return best
end

--- Draw the verdicts of the units of one window.
---@param buf integer
---@param units slmcode.Unit[]
---@param side 'sourceRange'|'range'
local function mark(buf, units, side)
  api.nvim_buf_clear_namespace(buf, view.NAMESPACE, 0, -1)
  local count = api.nvim_buf_line_count(buf)
  for _, unit in ipairs(units) do
    local row = unit[side].start.line
    local look = M.VERDICTS[unit.verdict] or M.VERDICTS['not proved']
    if row < count then
      local details = { sign_text = look.sign, sign_hl_group = look.group }
      if side == 'range' then
        local verdict, reason = M.verdict_text(unit)
        local line = api.nvim_buf_get_lines(buf, row, row + 1, false)[1]
        details.virt_text = { { '  ' .. verdict, look.group } }
        if reason ~= '' then
          local indent = line:match('^%s*')
          details.virt_lines = { { { indent .. '  ' .. reason, look.group } } }
        end
      end
      api.nvim_buf_set_extmark(buf, view.NAMESPACE, row, 0, details)
    end
  end
end

--- Rows of the screen that lines take, with the virtual ones between them.
---@param win integer
---@param first integer from 0
---@param stop integer exclusive
---@return integer
local function rows(win, first, stop)
  if stop <= first then
    return 0
  end
  return api.nvim_win_text_height(win, { start_row = first, end_row = stop - 1 }).all
end

--- Show in `other` the unit that the cursor of `from` is in, on the same row of the screen.
---@param from integer window
---@param other integer window
---@param units slmcode.Unit[]
---@param side 'sourceRange'|'range' of `from`
local function follow(from, other, units, side)
  local other_side = side == 'range' and 'sourceRange' or 'range'
  local line = api.nvim_win_get_cursor(from)[1] - 1
  local unit = M.unit_at(units, line, side)
  if not unit then
    return
  end
  local start = unit[side].start.line
  local last = unit[other_side]['end'].line
  local target = math.min(unit[other_side].start.line + line - start, last)
  local count = api.nvim_buf_line_count(api.nvim_win_get_buf(other))
  target = math.max(0, math.min(target, count - 1))
  local above = rows(from, vim.fn.line('w0', from) - 1, start)
  local top = unit[other_side].start.line
  while top > 0 and rows(other, top - 1, unit[other_side].start.line) <= above do
    top = top - 1
  end
  api.nvim_win_call(other, function()
    vim.fn.winrestview({
      topline = top + 1,
      lnum = target + 1,
      col = 0,
    })
  end)
end

---@param source integer window
---@param target integer window
---@param units fun(): slmcode.Unit[]
---@param group integer
local function follow_each_other(source, target, units, group)
  local function on(win, other, side)
    api.nvim_create_autocmd({ 'CursorMoved', 'WinScrolled' }, {
      group = group,
      buffer = api.nvim_win_get_buf(win),
      callback = function()
        if
          api.nvim_get_current_win() == win
          and api.nvim_win_is_valid(other)
          and api.nvim_win_is_valid(win)
        then
          follow(win, other, units(), side)
        end
      end,
    })
  end
  on(source, target, 'sourceRange')
  on(target, source, 'range')
end

--- The languages the server of a buffer translates it into.
---@param buf integer
---@return string[]
function M.targets(buf)
  local client = lsp.client(buf)
  local can = client and lsp.abilities(client) or {}
  local targets = can.translate
  if type(can.translateFrom) == 'table' and next(can.translateFrom) then
    targets = can.translateFrom[languages.id(vim.bo[buf].filetype)]
  end
  return type(targets) == 'table' and targets or {}
end

--- Translate a buffer, or lines of it, into a split on the right.
---@param buf integer
---@param language? string an LSP identifier or a file type
---@param first? integer from 1; nil: the whole buffer
---@param last? integer
function M.run(buf, language, first, last)
  local targets = M.targets(buf)
  local client = work.client(buf)
  if not client then
    return
  elseif #targets == 0 then
    local from = vim.tbl_keys(lsp.abilities(client).translateFrom or {})
    table.sort(from)
    notify.warn(
      #from == 0 and 'this server cannot do that: it has no translation'
        or ('%s is not translated, but %s'):format(
          vim.bo[buf].filetype == '' and 'this' or vim.bo[buf].filetype,
          table.concat(from, ', ')
        )
    )
    return
  elseif not language then
    vim.ui.select(targets, { prompt = 'Translate to' }, function(chosen)
      if chosen then
        M.run(buf, chosen, first, last)
      end
    end)
    return
  end
  language = vim.tbl_contains(targets, language) and language or languages.id(language)
  if not vim.tbl_contains(targets, language) then
    notify.warn(
      ('this server translates to %s, not to %s'):format(table.concat(targets, ', '), language)
    )
    return
  end

  local source = api.nvim_get_current_win()
  local name = vim.fn.fnamemodify(api.nvim_buf_get_name(buf), ':t')
  local window = view.open('translation of ' .. name, {
    split = 'right',
    filetype = languages.filetype(language),
    title = (' %s → %s · translating …'):format(name, language),
  })
  vim.wo[window.win].wrap = false
  vim.wo[window.win].signcolumn = 'yes'
  api.nvim_set_current_win(source)

  local units = {} ---@type slmcode.Unit[]
  local group = api.nvim_create_augroup('slmcode.translation', {})
  follow_each_other(source, window.win, function()
    return units
  end, group)
  local ours = 'translating'
  api.nvim_create_autocmd('BufWipeout', {
    group = group,
    buffer = window.buf,
    callback = function()
      if work.is_running(ours) then
        work.cancel()
      end
      if api.nvim_buf_is_valid(buf) then
        api.nvim_buf_clear_namespace(buf, view.NAMESPACE, 0, -1)
      end
      vim.schedule(function()
        pcall(api.nvim_del_augroup_by_id, group)
      end)
    end,
  })

  local function show(result, note)
    if not view.is_open(window) or type(result) ~= 'table' then
      return
    end
    units = result.units or {}
    view.set_lines(window.buf, text_of.lines(((result.text or ''):gsub('\n$', ''))))
    mark(window.buf, units, 'range')
    if api.nvim_buf_is_valid(buf) then
      mark(buf, units, 'sourceRange')
    end
    local title = (' %s → %s'):format(name, result.languageId or language)
    for _, part in ipairs({ note, M.summary(units) }) do
      if part ~= '' then
        title = title .. ' · ' .. part
      end
    end
    view.set_title(window, title, result.reason)
  end

  local params = {
    textDocument = vim.lsp.util.make_text_document_params(buf),
    targetLanguage = language,
  }
  if first and last then
    params.range = work.line_range(buf, first, last, client.offset_encoding)
  end
  local newest ---@type table?
  work.start(client, 'slmcode/translate', params, {
    buf = buf,
    what = ours,
    on_part = function(value)
      newest = value
      show(value, 'translating …')
    end,
    on_done = function(result)
      show(result, '')
    end,
    on_error = function(message)
      view.set_title(window, (' %s → %s · %s'):format(name, language, message))
    end,
    on_stop = function()
      if newest then
        show(newest, 'cancelled')
      else
        view.set_title(window, (' %s → %s · cancelled'):format(name, language))
      end
    end,
  })
end

return M
