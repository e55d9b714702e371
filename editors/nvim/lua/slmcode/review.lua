--- An edit before it is made: a diff with what is known of it. y makes it, n does not.

local changes_of = require('slmcode.changes')
local lsp = require('slmcode.lsp')
local notify = require('slmcode.notify')
local outcome_of = require('slmcode.outcome')
local view = require('slmcode.view')

local api = vim.api

local M = {}

local GROUPS = {
  exact = 'SlmcodeProved',
  verified = 'SlmcodeProved',
  ['not verified'] = 'SlmcodeNotProved',
}
local STALE = 'the text has changed since: nothing was applied, ask again'

--- The lines of a document with edits applied.
---@param lines string[]
---@param edits lsp.TextEdit[]
---@param encoding string
---@return string[]
function M.applied(lines, edits, encoding)
  local buf = api.nvim_create_buf(false, true)
  api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.lsp.util.apply_text_edits(edits, buf, encoding)
  local after = api.nvim_buf_get_lines(buf, 0, -1, false)
  api.nvim_buf_delete(buf, { force = true })
  return after
end

---@param lines string[]
---@return string
local function text(lines)
  return table.concat(lines, '\n') .. '\n'
end

--- The diff of one file, with only the wanted edits.
---@param file slmcode.FileChange
---@param left_out table<string, true>
---@param encoding string
---@return string[]
local function diff_of(file, left_out, encoding)
  local before = {}
  if not file.is_new then
    before = api.nvim_buf_get_lines(vim.uri_to_bufnr(file.uri), 0, -1, false)
  end
  local edits = changes_of.wanted(file.edits, left_out)
  if #edits == 0 and not file.moved_to then
    return {}
  end
  local after = M.applied(before, edits, encoding)
  local diff = lsp.diff(#before > 0 and text(before) or '', text(after))
  local function name(uri)
    return vim.fn.fnamemodify(vim.uri_to_fname(uri), ':~:.')
  end
  local lines = {
    '--- ' .. (file.is_new and '/dev/null' or name(file.uri)),
    '+++ ' .. name(file.moved_to or file.uri),
  }
  return vim.list_extend(lines, vim.split(diff, '\n', { trimempty = true }))
end

--- Everything but the one part.
---@param parts slmcode.Part[]
---@param id string
---@return table<string, true>
local function others(parts, id)
  local left_out = { [''] = true }
  for _, part in ipairs(parts) do
    left_out[part.id] = part.id ~= id or nil
  end
  return left_out
end

---@class slmcode.Review
---@field files slmcode.FileChange[]
---@field parts slmcode.Part[] several, or none
---@field outcome slmcode.Outcome
---@field encoding string
---@field left_out table<string, true>

--- What the window shows, and which part a line belongs to.
---@param review slmcode.Review
---@return string[] lines
---@return table<integer, string> ids of parts by line, from 1
local function lines_of(review)
  local lines, ids = outcome_of.known(review.outcome), {}
  local function add(more, id)
    for _, line in ipairs(more) do
      lines[#lines + 1] = line
      ids[#lines] = id
    end
  end
  for _, part in ipairs(review.parts) do
    local box = review.left_out[part.id] and '[ ]' or '[x]'
    local said = part.description ~= '' and ' · ' .. part.description or ''
    add({ '', ('%s %s%s'):format(box, part.label, said) }, part.id)
    for _, file in ipairs(review.files) do
      add(diff_of(file, others(review.parts, part.id), review.encoding), part.id)
    end
  end
  if #review.parts == 0 then
    for _, file in ipairs(review.files) do
      add({ '' })
      add(diff_of(file, {}, review.encoding))
    end
  end
  return lines, ids
end

--- Put everything into the window, coloured.
---@param buf integer
---@param review slmcode.Review
---@return table<integer, string> ids of parts by line
local function draw(buf, review)
  local lines, ids = lines_of(review)
  view.set_lines(buf, lines)
  api.nvim_buf_clear_namespace(buf, view.NAMESPACE, 0, -1)
  local function colour(line, group)
    api.nvim_buf_set_extmark(buf, view.NAMESPACE, line - 1, 0, {
      end_row = line,
      hl_group = group,
      hl_eol = true,
    })
  end
  if GROUPS[review.outcome.verdict] then
    colour(1, GROUPS[review.outcome.verdict])
  end
  for n, line in ipairs(lines) do
    if ids[n] and line:match('^%[[x ]%]') then
      colour(n, 'SlmcodeTitle')
    end
  end
  return ids
end

--- Buffers of the files, loaded, with their change counters.
---@param files slmcode.FileChange[]
---@return table<integer, integer> ticks
---@return boolean is_stale one of them is not what the edit was made for
local function load(files)
  local ticks, is_stale = {}, false
  for _, file in ipairs(files) do
    if not file.is_new then
      local buf = vim.uri_to_bufnr(file.uri)
      vim.fn.bufload(buf)
      ticks[buf] = vim.b[buf].changedtick
      local version = (vim.lsp.util.buf_versions or {})[buf]
      if file.version and version and file.version ~= version then
        is_stale = true
      end
    end
  end
  return ticks, is_stale
end

--- Make the edit, unless a buffer has changed since it was shown.
---@param review slmcode.Review
---@param ticks table<integer, integer>
local function apply(review, ticks)
  for buf, tick in pairs(ticks) do
    if not api.nvim_buf_is_valid(buf) or vim.b[buf].changedtick ~= tick then
      notify.warn(STALE)
      return
    end
  end
  local plain = changes_of.plain(review.files, review.left_out)
  vim.lsp.util.apply_workspace_edit(plain, review.encoding)
  for _, change in ipairs(plain.documentChanges) do
    if change.kind == 'create' then
      vim.cmd.split(vim.fn.fnameescape(vim.uri_to_fname(change.uri)))
    end
  end
end

--- Show an edit as a diff: y makes it, n throws it away, <Space> leaves a part of it out.
---@param edit lsp.WorkspaceEdit
---@param outcome slmcode.Outcome
---@param encoding string
function M.offer(edit, outcome, encoding)
  local files = changes_of.files(edit)
  local ticks, is_stale = load(files)
  if is_stale then
    notify.warn(STALE)
    return
  end
  local parts = changes_of.parts(edit)
  if #parts == 1 then
    if (outcome.verdict or '') == '' then
      local said = outcome_of.annotated(outcome.title, parts[1].description)
      outcome = vim.tbl_extend('force', outcome, said)
    end
    parts = {}
  end
  local review = {
    files = files,
    parts = parts,
    outcome = outcome,
    encoding = encoding,
    left_out = {},
  }
  local judged = outcome_of.judged(outcome)
  local float = view.float(lines_of(review), {
    title = judged == '' and outcome.title or ('%s (%s)'):format(outcome.title, judged),
    footer = (#parts > 0 and '<Space> leave out · ' or '') .. 'y apply · n discard',
    filetype = 'diff',
  })
  local ids = draw(float.buf, review)
  local function map(keys, action)
    for _, key in ipairs(keys) do
      vim.keymap.set('n', key, action, { buffer = float.buf, nowait = true })
    end
  end
  map({ 'y', '<CR>' }, function()
    view.close(float)
    apply(review, ticks)
  end)
  map({ 'n', 'q', '<Esc>' }, function()
    view.close(float)
  end)
  if #parts > 0 then
    map({ '<Space>', 'x' }, function()
      local id = ids[api.nvim_win_get_cursor(float.win)[1]]
      if id then
        review.left_out[id] = not review.left_out[id] or nil
        local cursor = api.nvim_win_get_cursor(float.win)
        ids = draw(float.buf, review)
        api.nvim_win_set_cursor(float.win, cursor)
      end
    end)
  end
end

--- Show an edit, or make it at once where nobody has to confirm it.
---@param edit lsp.WorkspaceEdit
---@param outcome slmcode.Outcome
---@param encoding string
function M.take(edit, outcome, encoding)
  if changes_of.needs_confirmation(edit) then
    M.offer(edit, outcome, encoding)
    return
  end
  local files = changes_of.files(edit)
  local ticks, is_stale = load(files)
  if is_stale then
    notify.warn(STALE)
    return
  end
  apply({ files = files, left_out = {}, encoding = encoding }, ticks)
end

--- What became of a request of ours: the edit, or why there is none.
---@param result? table
---@param encoding string
function M.result(result, encoding)
  if not result or not result.edit or result.edit == vim.NIL then
    local reason = result and result.reason or ''
    notify.warn('no edit' .. (reason ~= '' and ': ' .. reason or ''))
    return
  end
  M.offer(result.edit, result, encoding)
end

return M
