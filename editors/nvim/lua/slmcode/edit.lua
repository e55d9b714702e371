--- Edits by instruction: asked for, shown as a diff, applied as one undo step.

local lsp = require('slmcode.lsp')
local notify = require('slmcode.notify')
local view = require('slmcode.view')
local work = require('slmcode.work')

local api = vim.api

local M = {}

--- The text edits of a workspace edit, by uri.
---@param edit lsp.WorkspaceEdit
---@return table<string, lsp.TextEdit[]>
local function edits_by_uri(edit)
  local by_uri = {}
  for uri, edits in pairs(edit.changes or {}) do
    by_uri[uri] = edits
  end
  for _, change in ipairs(edit.documentChanges or {}) do
    if change.textDocument then
      local uri = change.textDocument.uri
      by_uri[uri] = vim.list_extend(by_uri[uri] or {}, change.edits)
    end
  end
  return by_uri
end

--- Text edits without annotations: what is asked about them is asked by us.
---@param edits lsp.TextEdit[]
---@return lsp.TextEdit[]
function M.plain(edits)
  return vim.tbl_map(function(edit)
    return { range = edit.range, newText = edit.newText }
  end, edits)
end

--- What the server says of its edit, from the annotation of the changes. Pure.
---@param edit lsp.WorkspaceEdit
---@return string? "not verified"
function M.annotation(edit)
  for _, annotation in vim.spairs(edit.changeAnnotations or {}) do
    if annotation.description and annotation.description ~= '' then
      return annotation.description
    end
  end
end

--- The lines of a document with edits applied.
---@param lines string[]
---@param edits lsp.TextEdit[]
---@param encoding string
---@return string[]
function M.applied(lines, edits, encoding)
  local buf = api.nvim_create_buf(false, true)
  api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.lsp.util.apply_text_edits(M.plain(edits), buf, encoding)
  local after = api.nvim_buf_get_lines(buf, 0, -1, false)
  api.nvim_buf_delete(buf, { force = true })
  return after
end

--- The diff that a person reads before the edit is applied, and what it was made of.
---@param edit lsp.WorkspaceEdit
---@param encoding string
---@return string[] lines of a unified diff
---@return table<integer, integer> ticks change counters of the buffers
local function preview(edit, encoding)
  local lines, ticks = {}, {}
  for uri, edits in vim.spairs(edits_by_uri(edit)) do
    local buf = vim.uri_to_bufnr(uri)
    vim.fn.bufload(buf)
    ticks[buf] = vim.b[buf].changedtick
    local before = api.nvim_buf_get_lines(buf, 0, -1, false)
    local after = M.applied(before, edits, encoding)
    local diff =
      lsp.diff(table.concat(before, '\n') .. '\n', table.concat(after, '\n') .. '\n')
    local name = vim.fn.fnamemodify(vim.uri_to_fname(uri), ':~:.')
    vim.list_extend(lines, { '--- ' .. name, '+++ ' .. name })
    vim.list_extend(lines, vim.split(vim.trim(diff), '\n'))
  end
  return lines, ticks
end

--- Apply an edit, unless a buffer has changed since it was made.
---@param edit lsp.WorkspaceEdit
---@param ticks table<integer, integer>
---@param encoding string
local function apply(edit, ticks, encoding)
  for buf, tick in pairs(ticks) do
    if not api.nvim_buf_is_valid(buf) or vim.b[buf].changedtick ~= tick then
      notify.warn('the text has changed since: nothing was applied, ask again')
      return
    end
  end
  for uri, edits in vim.spairs(edits_by_uri(edit)) do
    vim.lsp.util.apply_text_edits(M.plain(edits), vim.uri_to_bufnr(uri), encoding)
  end
end

--- Show an edit as a diff: y applies it, n throws it away.
---@param edit lsp.WorkspaceEdit
---@param title string
---@param encoding string
---@param verdict? string
function M.offer(edit, title, encoding, verdict)
  verdict = verdict or M.annotation(edit)
  if verdict and verdict ~= '' then
    title = ('%s (%s)'):format(title, verdict)
  end
  local lines, ticks = preview(edit, encoding)
  local float = view.float(lines, {
    title = title,
    footer = 'y apply · n discard',
    filetype = 'diff',
  })
  local function map(keys, action)
    for _, key in ipairs(keys) do
      vim.keymap.set('n', key, action, { buffer = float.buf, nowait = true })
    end
  end
  map({ 'y', '<CR>' }, function()
    view.close(float)
    apply(edit, ticks, encoding)
  end)
  map({ 'n', 'q', '<Esc>' }, function()
    view.close(float)
  end)
end

---@param range lsp.Range
---@param buf integer
---@param instruction string
local function ask(buf, range, instruction)
  local client = work.client(buf, 'edit', 'edits')
  if not client then
    return
  end
  work.start(client, 'slmcode/edit', {
    textDocument = vim.lsp.util.make_text_document_params(buf),
    range = range,
    instruction = instruction,
  }, {
    buf = buf,
    what = 'editing',
    on_done = function(result)
      if not result or not result.edit then
        local reason = result and result.reason or ''
        notify.warn('no edit' .. (reason ~= '' and ': ' .. reason or ''))
        return
      end
      local title = result.title or instruction
      M.offer(result.edit, title, client.offset_encoding, result.verdict)
    end,
  })
end

--- Rewrite lines as the user says.
---@param buf integer
---@param first integer from 1
---@param last integer from 1
---@param instruction? string asked for where it is missing
function M.run(buf, first, last, instruction)
  local client = work.client(buf, 'edit', 'edits')
  if not client then
    return
  end
  local range = work.line_range(buf, first, last, client.offset_encoding)
  if instruction and instruction ~= '' then
    ask(buf, range, instruction)
    return
  end
  vim.ui.input({ prompt = ('Edit lines %d-%d: '):format(first, last) }, function(given)
    if given and vim.trim(given) ~= '' then
      ask(buf, range, given)
    end
  end)
end

--- Offer the server's code actions of a kind for lines, or for what is around the cursor.
---@param buf integer
---@param kind 'refactor'|'quickfix'
---@param first? integer
---@param last? integer
function M.actions(buf, kind, first, last)
  local client = work.client(buf)
  if not client then
    return
  end
  if not client.server_capabilities.codeActionProvider then
    notify.warn('this server cannot do that: it has no code actions')
    return
  end
  local range = work.range(buf, first, last, client.offset_encoding)
  local here = vim.tbl_filter(function(diagnostic)
    return diagnostic.lnum >= range.start.line and diagnostic.lnum <= range['end'].line
  end, vim.diagnostic.get(buf))
  local params = {
    textDocument = vim.lsp.util.make_text_document_params(buf),
    range = range,
    context = {
      only = { kind },
      triggerKind = 1,
      diagnostics = M.lsp_diagnostics(buf, here, client.offset_encoding),
    },
  }
  work.start(client, 'textDocument/codeAction', params, {
    buf = buf,
    what = 'looking for actions',
    on_done = function(actions)
      M.choose(client, buf, actions or {}, kind)
    end,
  })
end

--- Diagnostics as the server that reads them wants them: those of LSP come as they were sent.
---@param buf integer
---@param diagnostics vim.Diagnostic[]
---@param encoding string
---@return lsp.Diagnostic[]
function M.lsp_diagnostics(buf, diagnostics, encoding)
  local character = require('slmcode.text').character
  local function position(line, column)
    local text = api.nvim_buf_get_lines(buf, line, line + 1, false)[1] or ''
    return { line = line, character = character(text, column, encoding) }
  end
  return vim.tbl_map(function(diagnostic)
    return {
      range = {
        start = position(diagnostic.lnum, diagnostic.col),
        ['end'] = position(
          diagnostic.end_lnum or diagnostic.lnum,
          diagnostic.end_col or diagnostic.col
        ),
      },
      severity = diagnostic.severity,
      message = diagnostic.message,
      source = diagnostic.source,
      code = diagnostic.code,
    }
  end, diagnostics)
end

---@param client vim.lsp.Client
---@param buf integer
---@param actions lsp.CodeAction[]
---@param kind string
function M.choose(client, buf, actions, kind)
  if #actions == 0 then
    notify.say(kind == 'quickfix' and 'nothing to fix here' or 'no refactoring for this')
    return
  end
  vim.ui.select(actions, {
    prompt = kind == 'quickfix' and 'Fix' or 'Refactor',
    kind = 'codeaction',
    format_item = function(action)
      return action.disabled and ('%s (%s)'):format(action.title, action.disabled.reason)
        or action.title
    end,
  }, function(action)
    if not action then
      return
    elseif action.disabled then
      notify.warn(action.disabled.reason)
    elseif action.edit then
      M.offer(action.edit, action.title, client.offset_encoding)
    else
      work.start(client, 'codeAction/resolve', action, {
        buf = buf,
        what = action.title,
        progress = false, -- the parameters are a CodeAction and nothing else
        on_done = function(resolved)
          if resolved and resolved.edit then
            M.offer(resolved.edit, resolved.title, client.offset_encoding)
          else
            notify.warn('no edit came')
          end
        end,
        on_error = function(message)
          notify.warn(('%s: %s'):format(action.title, message))
        end,
      })
    end
  end)
end

return M
