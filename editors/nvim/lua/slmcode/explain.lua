--- An explanation of lines, of a problem or of a traceback, as it comes, in a Markdown window.
--- <CR> on a place that it names goes there.

local links_of = require('slmcode.links')
local lsp = require('slmcode.lsp')
local notify = require('slmcode.notify')
local text_of = require('slmcode.text')
local view = require('slmcode.view')
local work = require('slmcode.work')

local api = vim.api

local M = {}

local OURS = 'explaining'

--- The text in the window, with the places it names underlined.
---@param window slmcode.View
---@param text string
local function show(window, text)
  local lines, links = {}, {}
  for n, line in ipairs(text_of.lines(text)) do
    lines[n], links[n] = links_of.of(line)
  end
  view.set_lines(window.buf, lines)
  if not view.is_open(window) then
    return links
  end
  api.nvim_buf_clear_namespace(window.buf, view.NAMESPACE, 0, -1)
  for n, of_line in ipairs(links) do
    for _, link in ipairs(of_line) do
      api.nvim_buf_set_extmark(window.buf, view.NAMESPACE, n - 1, link.first, {
        end_col = link.last,
        hl_group = 'Underlined',
      })
    end
  end
  if api.nvim_get_current_win() ~= window.win then
    api.nvim_win_set_cursor(window.win, { api.nvim_buf_line_count(window.buf), 0 })
  end
  return links
end

--- Go to the place that the cursor's line names, the nearest to the cursor.
---@param window slmcode.View
---@param links table<integer, slmcode.Link[]>
---@param roots string[]
---@param source integer window
local function follow(window, links, roots, source)
  local row, column = unpack(api.nvim_win_get_cursor(window.win))
  local nearest, least
  for _, link in ipairs(links[row] or {}) do
    local distance = math.max(link.first - column, column - link.last + 1, 0)
    if not least or distance < least then
      nearest, least = link, distance
    end
  end
  if not nearest then
    return
  end
  local file = links_of.file(nearest, roots)
  if not file then
    notify.say(('%s is not in this workspace'):format(nearest.target))
    return
  end
  if api.nvim_win_is_valid(source) then
    api.nvim_set_current_win(source)
  end
  vim.cmd.edit(vim.fn.fnameescape(file))
  local last = api.nvim_buf_line_count(0)
  api.nvim_win_set_cursor(0, { math.min(nearest.line, last), 0 })
end

---@param client vim.lsp.Client
---@param buf integer
---@param about string for the title
---@param params table
local function explain(client, buf, about, params)
  local title = (' %s '):format(about)
  local source = api.nvim_get_current_win()
  local window = view.open('explanation', {
    filetype = 'markdown',
    height = 12,
    title = title .. '· explaining …',
  })
  local roots = vim.tbl_map(function(folder)
    return vim.uri_to_fname(folder.uri)
  end, client.workspace_folders or {})
  local so_far, links = '', {}
  vim.keymap.set('n', '<CR>', function()
    follow(window, links, roots, source)
  end, { buffer = window.buf, desc = 'go to the place that is named here' })
  vim.cmd.wincmd('p')
  api.nvim_create_autocmd('BufWipeout', {
    buffer = window.buf,
    callback = function()
      if work.is_running(OURS) then
        work.cancel()
      end
    end,
  })
  work.start(client, 'slmcode/explain', params, {
    buf = buf,
    what = OURS,
    on_part = function(value)
      so_far = so_far .. (value.text or '')
      links = show(window, so_far)
    end,
    on_done = function(result)
      links = show(window, result and result.text or so_far)
      view.set_title(window, title)
    end,
    on_stop = function()
      view.set_title(window, title .. '· cancelled')
    end,
    on_error = function(message)
      view.set_title(window, title .. '· ' .. message)
    end,
  })
end

---@param buf integer
---@return string
local function name_of(buf)
  return vim.fn.fnamemodify(api.nvim_buf_get_name(buf), ':t')
end

---@param buf integer
---@param first? integer from 1; nil: what is around the cursor
---@param last? integer
function M.run(buf, first, last)
  local client = work.client(buf, 'explain', 'explanations')
  if not client then
    return
  end
  local lines = first and ('%d-%d'):format(first, last) or tostring(vim.fn.line('.'))
  explain(client, buf, ('%s:%s'):format(name_of(buf), lines), {
    textDocument = vim.lsp.util.make_text_document_params(buf),
    range = work.range(buf, first, last, client.offset_encoding),
  })
end

--- Explain the problem that is nearest to the cursor.
---@param buf integer
function M.problem(buf)
  local client = work.client(buf, 'explain', 'explanations')
  if not client then
    return
  end
  local row = vim.fn.line('.') - 1
  local problems = vim.diagnostic.get(buf)
  table.sort(problems, function(a, b)
    return math.abs(a.lnum - row) < math.abs(b.lnum - row)
  end)
  if not problems[1] then
    notify.say('no problem is reported in this file')
    return
  end
  local encoding = client.offset_encoding
  local problem = require('slmcode.edit').lsp_diagnostics(buf, { problems[1] }, encoding)[1]
  explain(client, buf, ('%s:%d: %s'):format(name_of(buf), problems[1].lnum + 1, problem.message), {
    textDocument = vim.lsp.util.make_text_document_params(buf),
    range = problem.range,
    diagnostic = {
      range = problem.range,
      message = problem.message,
      source = problem.source or '',
      code = tostring(problem.code or ''),
    },
  })
end

---@param client vim.lsp.Client
---@param trace string
local function explain_trace(client, trace)
  explain(client, next(client.attached_buffers) or 0, 'traceback', { trace = trace })
end

--- A buffer to put a traceback in; <CR> explains it.
---@param client vim.lsp.Client
local function scratch(client)
  local window = view.open('traceback', {
    height = 12,
    title = ' paste the traceback, then <CR> in Normal mode ',
  })
  vim.bo[window.buf].modifiable = true
  vim.keymap.set('n', '<CR>', function()
    local trace = text_of.joined(api.nvim_buf_get_lines(window.buf, 0, -1, false))
    view.close(window)
    if vim.trim(trace) ~= '' then
      explain_trace(client, trace)
    end
  end, { buffer = window.buf, desc = 'explain it' })
end

--- Explain a traceback: of lines of the current buffer, of a register, else of a scratch buffer.
---@param register? string the clipboard where there is something in it
---@param first? integer from 1
---@param last? integer
function M.traceback(register, first, last)
  local client = lsp.client()
  if not client then
    work.client(api.nvim_get_current_buf()) -- says what is missing
    return
  elseif not lsp.abilities(client).explain then
    notify.warn('this server cannot do that: it has no explanations')
    return
  end
  if first and last then
    local lines = api.nvim_buf_get_lines(0, first - 1, last, false)
    explain_trace(client, text_of.joined(lines))
    return
  end
  local ok, text = pcall(vim.fn.getreg, register or '+')
  if ok and vim.trim(text) ~= '' then
    explain_trace(client, text)
  elseif register then
    notify.warn(('register %s is empty'):format(register))
  else
    scratch(client)
  end
end

return M
