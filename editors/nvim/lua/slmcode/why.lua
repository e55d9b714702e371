--- What is known of the newest completion: reason, times, context, prompt, trace.

local client_of = require('slmcode.client')
local lsp = require('slmcode.lsp')
local notify = require('slmcode.notify')
local text_of = require('slmcode.text')
local view = require('slmcode.view')
local work = require('slmcode.work')

local api = vim.api

local M = {}

---@class slmcode.Place where <CR> on a line goes
---@field uri string
---@field line integer from 0

---@param value any
---@return any value nil where JSON said null
local function present(value)
  if value == vim.NIL then
    return nil
  end
  return value
end

--- Where the time went, for people. Pure.
---@param last table the answer to slmcode/lastCompletion
---@return string[]
function M.times(last)
  local spent = present(last.timings) or {}
  local function of(name)
    return type(spent[name]) == 'number' and spent[name] or 0
  end
  local lines = {}
  if present(last.server_ms) then
    lines[1] = ('server    %8.1f ms'):format(last.server_ms)
  end
  if of('prompt_n') + of('predicted_n') == 0 then
    lines[#lines + 1] = 'model             no work: it was there already, or none was needed'
    return lines
  end
  lines[#lines + 1] = ('queue     %8.1f ms'):format(of('queued_ms'))
  lines[#lines + 1] = ('prompt    %8.1f ms  %d tokens, and %d that were there already'):format(
    of('prompt_ms'),
    of('prompt_n'),
    of('cache_n')
  )
  local drafted = of('draft_n') > 0
      and (', %d of %d guessed ones among them'):format(of('draft_n_accepted'), of('draft_n'))
    or ''
  lines[#lines + 1] = ('writing   %8.1f ms  %d tokens%s'):format(
    of('predicted_ms'),
    of('predicted_n'),
    drafted
  )
  return lines
end

--- Lines about the newest completion, and where some of them lead. Pure.
---@param last table? the answer to slmcode/lastCompletion
---@param why table? the answer to slmcode/why
---@return string[] lines
---@return table<integer, slmcode.Place> places by line, from 1
function M.report(last, why)
  last, why = present(last), present(why)
  local lines, places = {}, {}
  local function add(line, place)
    vim.list_extend(lines, text_of.lines(line))
    places[#lines] = place
  end
  if not last and not why then
    return { 'Nothing was asked for this file yet.' }, {}
  end
  if last then
    local reason = present(last.reason) or ''
    local message = present(last.message) or ''
    add('# The newest completion')
    add('')
    if message ~= '' or reason ~= '' then
      add(('nothing was shown: %s'):format(message ~= '' and message or reason))
    else
      add('shown' .. (last.from_memory and ', from memory' or ''))
    end
    if present(last.score) then
      add(('probability that it is right: %.2f'):format(last.score))
    end
    add('')
  end
  if why then
    add('# Text of other files in the prompt (Enter opens)')
    add('')
    for _, chunk in ipairs(why.chunks or {}) do
      local uri = present(chunk.uri)
      add(
        ('%-9s %.2f %5d tokens  %s:%d'):format(
          chunk.reason,
          chunk.score,
          chunk.tokens,
          chunk.path,
          chunk.range.start.line + 1
        ),
        uri and { uri = uri, line = chunk.range.start.line } or nil
      )
      for i, line in ipairs(text_of.lines(chunk.text or '')) do
        add(
          '    ' .. line,
          uri and { uri = uri, line = chunk.range.start.line + i - 1 } or nil
        )
      end
    end
    local note = present(why.note) or ''
    if note ~= '' then
      add(note)
    elseif #(why.chunks or {}) == 0 then
      add('none')
    end
    add('')
  end
  if last then
    add('# Times')
    add('')
    for _, line in ipairs(M.times(last)) do
      add(line)
    end
  end
  return lines, places
end

--- Lines of what the model was given. Pure.
---@param prompt table? the answer to slmcode/prompt
---@return string[]
function M.prompt_lines(prompt)
  prompt = present(prompt)
  if not prompt then
    return { 'Nothing was sent to the model for this file yet.' }
  end
  local lines = {}
  local tokens = prompt.tokens
  if type(tokens) == 'table' then
    tokens = #tokens
  end
  lines[1] = ('# %s tokens were sent'):format(tostring(tokens or '?'))
  for _, piece in ipairs(prompt.pieces or {}) do
    local head = ('## %s · %s · %d tokens'):format(piece.kind, piece.source, piece.tokenCount or 0)
    vim.list_extend(lines, { '', head, '' })
    for _, line in ipairs(text_of.lines(piece.text or '')) do
      lines[#lines + 1] = '    ' .. line
    end
  end
  local generated = present(prompt.generated)
  if type(generated) == 'string' then
    vim.list_extend(lines, { '', '## generated', '' })
    for _, line in ipairs(text_of.lines(generated)) do
      lines[#lines + 1] = '    ' .. line
    end
  end
  return lines
end

--- A span tree as indented lines. Pure.
---@param span table?
---@param depth? integer
---@return string[]
function M.trace_lines(span, depth)
  span = present(span)
  if type(span) ~= 'table' then
    return { 'There is no trace for this file yet.' }
  end
  depth = depth or 0
  local lines, rest = {}, {}
  for name, value in vim.spairs(span) do
    if not vim.tbl_contains({ 'name', 'ms', 'duration_ms', 'children', 'spans' }, name) then
      if type(value) == 'table' then
        for key, inner in vim.spairs(value) do
          rest[#rest + 1] = ('%s=%s'):format(key, type(inner) == 'table' and '…' or tostring(inner))
        end
      elseif value ~= vim.NIL then
        rest[#rest + 1] = ('%s=%s'):format(name, tostring(value))
      end
    end
  end
  local ms = span.ms or span.duration_ms
  lines[1] = ('%s%-' .. math.max(1, 28 - 2 * depth) .. 's %8s  %s'):format(
    ('  '):rep(depth),
    tostring(span.name or '?'),
    type(ms) == 'number' and ('%.1f ms'):format(ms) or '',
    table.concat(rest, ' ')
  )
  for _, child in ipairs(span.children or span.spans or {}) do
    vim.list_extend(lines, M.trace_lines(child, depth + 1))
  end
  return lines
end

---@param buf integer
---@param method string
---@param on_answer fun(result: any, client: vim.lsp.Client)
local function ask(buf, method, on_answer)
  local client = work.client(buf)
  if client then
    local params = { textDocument = vim.lsp.util.make_text_document_params(buf) }
    lsp.request(client, method, params, function(err, result)
      if err then
        notify.warn(
          err.code == -32601 and 'this server cannot do that: it has no ' .. method or err.message
        )
        return
      end
      on_answer(result, client)
    end, buf)
  end
end

--- Why the newest completion is as it is. <CR> opens a file of the context.
---@param buf integer
function M.run(buf)
  ask(buf, 'slmcode/lastCompletion', function(last)
    ask(buf, 'slmcode/why', function(why, client)
      local lines, places = M.report(last, why)
      local source = api.nvim_get_current_win()
      local window = view.open('why', { filetype = 'markdown', height = 15, title = ' why? ' })
      view.set_lines(window.buf, lines)
      vim.keymap.set('n', '<CR>', function()
        local place = places[api.nvim_win_get_cursor(window.win)[1]]
        if place then
          if api.nvim_win_is_valid(source) then
            api.nvim_set_current_win(source)
          end
          local start = { line = place.line, character = 0 }
          vim.lsp.util.show_document(
            { uri = place.uri, range = { start = start, ['end'] = start } },
            client.offset_encoding,
            { focus = true }
          )
        end
      end, { buffer = window.buf, desc = 'open the file' })
    end)
  end)
end

--- What was sent to the model last.
---@param buf integer
function M.prompt(buf)
  ask(buf, 'slmcode/prompt', function(prompt)
    local window = view.open('prompt', { filetype = 'markdown', height = 15, title = ' prompt ' })
    view.set_lines(window.buf, M.prompt_lines(prompt))
  end)
end

--- Where the time of the newest completion went.
---@param buf integer
function M.trace(buf)
  ask(buf, 'slmcode/lastCompletion', function(last)
    last = present(last)
    local window = view.open('trace', { height = 15, title = ' trace ' })
    view.set_lines(window.buf, M.trace_lines(last and last.trace))
  end)
end

--- The state in words.
---@param buf integer
function M.status(buf)
  local status = require('slmcode.status').get()
  local off = require('slmcode.snooze').words(buf)
  local lines = { require('slmcode.status').state_words() }
  if off ~= '' then
    lines[1] = off
  end
  if status.message ~= '' then
    lines[#lines + 1] = status.message
  end
  local client = lsp.client(buf)
  if client then
    lines[#lines + 1] = ('server %s (client %d), model %s'):format(
      client_of.server_version or '?',
      client.id,
      status.model ~= '' and status.model or '?'
    )
  else
    lines[#lines + 1] = client_of.missing()
  end
  if status.reason ~= '' and off == '' then
    lines[#lines + 1] = 'nothing shown last: ' .. status.reason
  end
  notify.say(table.concat(lines, '\n'))
end

return M
