--- Edits by instruction and by name: asked for, shown as a diff, applied as one undo step.

local lsp = require('slmcode.lsp')
local notify = require('slmcode.notify')
local review = require('slmcode.review')
local work = require('slmcode.work')

local api = vim.api

local M = {}

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
      review.result(result, client.offset_encoding)
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
  -- The prompt is read while the user types.
  lsp.notify(client, 'slmcode/willEdit', {
    textDocument = vim.lsp.util.make_text_document_params(buf),
    range = range,
  })
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

--- What the server says of an action's edit, in `data`, where it says it.
---@param action lsp.CodeAction
---@return slmcode.Outcome
function M.outcome(action)
  local said = type(action.data) == 'table' and action.data.outcome
  local outcome = type(said) == 'table' and vim.deepcopy(said) or { verdict = '', reason = '' }
  outcome.title = action.title
  return outcome
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
      review.take(action.edit, M.outcome(action), client.offset_encoding)
    else
      work.start(client, 'codeAction/resolve', action, {
        buf = buf,
        what = action.title,
        progress = false, -- the parameters are a CodeAction and nothing else
        on_done = function(resolved)
          if resolved and resolved.edit then
            review.take(resolved.edit, M.outcome(resolved), client.offset_encoding)
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
