--- Completions: when to ask, what is on the screen, what the keys do with it.
---
--- One suggestion is shown at a time, in the current buffer. While the user types along it is
--- drawn anew in TextChangedI, which Neovim runs before it draws the screen, and nothing is asked.

local display = require('slmcode.display')
local lsp = require('slmcode.lsp')
local notify = require('slmcode.notify')
local options = require('slmcode.options')
local snooze = require('slmcode.snooze')
local status = require('slmcode.status')
local suggestion = require('slmcode.suggestion')
local text_of = require('slmcode.text')

local api = vim.api

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED, AUTOMATIC = 1, 2
local REST_MS = 300 -- an empty answer has come to rest: the reason is asked for
local MAX_LINES = 100 -- no suggestion is longer
local MOVED_MS = 150 -- the cursor has come to rest: the server works ahead

---@class slmcode.Shown
---@field buf integer
---@field client_id integer
---@field items table[]
---@field index integer
---@field invoked boolean
---@field one_line boolean asked for by the key for one line
---@field row integer where it was asked for
---@field column integer
---@field line string
---@field suggestion slmcode.Suggestion
---@field told table<string, true> texts that the server knows to be shown

local current ---@type slmcode.Shown?
local pending ---@type slmcode.Asked?
local tick = -1 -- of the text that was dealt with last
local wait_timer, rest_timer, moved_timer ---@type uv.uv_timer_t?, uv.uv_timer_t?, uv.uv_timer_t?

---@return boolean
local function is_native()
  return options.current.display == 'native'
end

local function native()
  return require('slmcode.native')
end

---@param timer uv.uv_timer_t?
local function stop(timer)
  if timer and not timer:is_closing() then
    timer:stop()
    timer:close()
  end
end

-- Where

--- Whether ghost text has a place in the current buffer just now.
---@param buf integer
---@return boolean
local function has_place(buf)
  local mode = api.nvim_get_mode().mode
  return mode:sub(1, 1) == 'i'
    and vim.fn.pumvisible() == 0
    and vim.bo[buf].buftype == ''
    and vim.bo[buf].modifiable
    and not vim.bo[buf].readonly
    and vim.b[buf].slmcode ~= false
    and vim.fn.reg_recording() == ''
    and vim.fn.reg_executing() == ''
    and snooze.is_on(buf)
end

---@return integer row from 0
---@return integer column bytes
local function cursor()
  local row, column = unpack(api.nvim_win_get_cursor(0))
  return row - 1, column
end

--- What is left of a suggestion at the cursor.
---@param buf integer
---@param made slmcode.Suggestion
---@return string? rest nil where it does not fit the text any more
---@return integer typed bytes of it that are in the buffer
local function rest_of(buf, made)
  local row, column = cursor()
  if buf ~= api.nvim_get_current_buf() or row < made.row or row - made.row > MAX_LINES then
    return nil, 0
  end
  local lines = api.nvim_buf_get_lines(buf, made.row, row + 1, false)
  return suggestion.rest(made, lines, row, column)
end

---@return string? rest
---@return integer typed
local function rest_of_current()
  if not current then
    return nil, 0
  end
  return rest_of(current.buf, current.suggestion)
end

-- Telling the server

---@param method string
---@param shown slmcode.Shown
---@param more? table
local function tell(method, shown, more)
  local client = vim.lsp.get_client_by_id(shown.client_id)
  if client then
    local item = shown.items[shown.index]
    lsp.notify(client, method, vim.tbl_extend('error', { item = item }, more or {}))
  end
end

---@param shown slmcode.Shown
local function tell_shown(shown)
  local item = shown.items[shown.index]
  local id = item.command and item.command.arguments and item.command.arguments[1] or ''
  local key = tostring(id) .. '\0' .. shown.index
  if not shown.told[key] then
    shown.told[key] = true
    vim.schedule(function() -- behind the drawing
      tell('textDocument/didShowCompletion', shown)
    end)
  end
end

--- Why nothing came, asked when the user has paused on it.
---@param client vim.lsp.Client
---@param buf integer
local function ask_reason(client, buf)
  stop(rest_timer)
  rest_timer = vim.defer_fn(function()
    if not api.nvim_buf_is_valid(buf) or not vim.lsp.buf_is_attached(buf, client.id) then
      return
    end
    local params = { textDocument = vim.lsp.util.make_text_document_params(buf) }
    lsp.request(client, 'slmcode/lastCompletion', params, function(_, last)
      status.from_last_completion(last)
    end, buf)
  end, REST_MS)
end

M.ask_reason = ask_reason

--- The user types on: neither the reason for the last blank nor where the cursor was matters now.
function M.typed_on()
  stop(rest_timer)
  stop(moved_timer)
end

-- Showing

--- Nothing is shown from now on.
function M.hide()
  current = nil
  display.clear()
  if is_native() then
    native().hide()
  end
end

--- Draw what is left of the suggestion, or hide it.
---@return boolean drawn
local function redraw()
  local rest = rest_of_current()
  if not current or not rest or rest == '' then
    M.hide()
    return false
  end
  local count = #current.items
  display.draw(rest, count > 1 and (' (%d/%d)'):format(current.index, count) or '')
  tell_shown(current)
  return true
end

--- Take back the request that is out, if any.
local function cancel()
  stop(wait_timer)
  stop(rest_timer)
  if pending then
    local client = vim.lsp.get_client_by_id(pending.client_id)
    if client and pending.id then
      lsp.cancel(client, pending.id)
    end
    pending = nil
    status.set_busy('')
  end
end

--- Show an item if it fits the text as it is now; else leave things as they are.
---@param shown slmcode.Shown
---@param index integer
---@return boolean drawn
local function select_item(shown, index)
  local item = shown.items[index]
  local client = vim.lsp.get_client_by_id(shown.client_id)
  local encoding = client and client.offset_encoding or 'utf-16'
  local made = suggestion.new(item, shown.row, shown.column, shown.line, encoding)
  if not made then
    return false
  end
  if shown.one_line then
    made.text = suggestion.first_line(made.text)
  end
  local rest = rest_of(shown.buf, made)
  if not rest or rest == '' then
    return false
  end
  shown.index, shown.suggestion = index, made
  current = shown
  return redraw()
end

---@param asked slmcode.Asked
---@param items table[]
local function show(asked, items)
  local shown = {
    buf = asked.buf,
    client_id = asked.client_id,
    items = items,
    index = 1,
    invoked = asked.kind == INVOKED,
    one_line = asked.one_line,
    row = asked.row,
    column = asked.column,
    line = asked.line,
    told = current and current.told or {},
  }
  local first = math.min(asked.index or 1, #items)
  if not select_item(shown, first) and not (first > 1 and select_item(shown, 1)) then
    M.hide()
  end
end

-- Asking

---@param asked slmcode.Asked
---@param err lsp.ResponseError?
---@param result any
local function on_answer(asked, err, result)
  if pending ~= asked then
    return -- taken back
  end
  pending = nil
  status.set_busy('')
  local client = vim.lsp.get_client_by_id(asked.client_id)
  local row, column = cursor()
  if
    not client
    or api.nvim_get_current_buf() ~= asked.buf
    or vim.b[asked.buf].changedtick ~= asked.tick
    or row ~= asked.row
    or column ~= asked.column
    or not has_place(asked.buf)
  then
    return
  end
  local items = type(result) == 'table' and (result.items or result) or {}
  if err or #items == 0 then
    if asked.keeps and redraw() then
      return
    end
    M.hide()
    if asked.kind == INVOKED and not err then
      stop(rest_timer)
      local params = { textDocument = vim.lsp.util.make_text_document_params(asked.buf) }
      lsp.request(client, 'slmcode/lastCompletion', params, function(_, last)
        status.from_last_completion(last)
        local why = last and (last.message or last.reason) or ''
        if api.nvim_get_current_buf() == asked.buf and has_place(asked.buf) and not current then
          display.say('nothing to suggest here' .. (why ~= '' and ': ' .. why or ''))
        end
      end, asked.buf)
    else
      ask_reason(client, asked.buf)
    end
    return
  end
  stop(rest_timer)
  status.set_reason('')
  show(asked, items)
end

---@class slmcode.Asked: slmcode.Ask a request that is out, and where it was made
---@field id integer?
---@field client_id integer
---@field buf integer
---@field kind 1|2
---@field row integer
---@field column integer
---@field line string
---@field tick integer

---@class slmcode.Ask
---@field one_line? boolean
---@field index? integer which item to show
---@field keeps? boolean what is shown stays where nothing comes

--- Ask at the cursor; what was asked before is taken back.
---@param kind 1|2 LSP's InlineCompletionTriggerKind
---@param how? slmcode.Ask
local function request(kind, how)
  cancel()
  how = how or {}
  local buf = api.nvim_get_current_buf()
  local client = lsp.client(buf)
  if not client or not has_place(buf) then
    return
  end
  local row, column = cursor()
  local line = api.nvim_get_current_line()
  local asked = vim.tbl_extend('error', {
    client_id = client.id,
    buf = buf,
    kind = kind,
    row = row,
    column = column,
    line = line,
    tick = vim.b[buf].changedtick,
  }, how)
  local params = {
    textDocument = vim.lsp.util.make_text_document_params(buf),
    position = {
      line = row,
      character = text_of.character(line, column, client.offset_encoding),
    },
    context = { triggerKind = kind },
  }
  pending = asked
  if kind == INVOKED then
    status.set_busy('asking')
  end
  asked.id = lsp.request(client, METHOD, params, function(err, result)
    on_answer(asked, err, result)
  end, buf)
end

--- Ask while typing, after the wait the user wants.
local function request_soon()
  if not options.current.auto then
    return
  end
  local wait = options.current.debounce_ms
  if wait == 0 then
    request(AUTOMATIC)
    return
  end
  cancel()
  wait_timer = vim.defer_fn(function()
    request(AUTOMATIC)
  end, wait)
end

--- The server has more text for a place: ask again if the cursor is there.
---@param params {textDocument: {uri: string}, position: lsp.Position}
function M.refresh(params)
  local buf = api.nvim_get_current_buf()
  local client = lsp.client(buf)
  if is_native() or pending or not client or not options.current.auto then
    return
  end
  local row, column = cursor()
  local character =
    text_of.character(api.nvim_get_current_line(), column, client.offset_encoding)
  if
    params.textDocument.uri == vim.uri_from_bufnr(buf)
    and params.position.line == row
    and params.position.character == character
    and not (current and current.invoked)
  then
    request(AUTOMATIC, { keeps = true })
  end
end

-- Events

local function on_text_changed()
  local buf = api.nvim_get_current_buf()
  tick = vim.b[buf].changedtick
  M.typed_on()
  if pending and pending.buf == buf and pending.tick == tick then
    return -- a key asked by command before Neovim came to tell of the key before it
  end
  if not has_place(buf) then
    cancel()
    M.hide()
    return
  end
  local was_pending = pending ~= nil
  if redraw() then
    if was_pending then
      request(AUTOMATIC, { keeps = true })
    end
    return
  end
  request_soon()
end

local function on_cursor_moved()
  local buf = api.nvim_get_current_buf()
  if vim.b[buf].changedtick ~= tick then
    return -- TextChangedI follows
  end
  if not rest_of_current() then
    M.hide()
  end
  if pending then
    local row, column = cursor()
    if row ~= pending.row or column ~= pending.column then
      cancel()
    end
  end
end

--- Tell where the cursor rests: the server works ahead.
local function on_rest()
  stop(moved_timer)
  local buf = api.nvim_get_current_buf()
  local client = lsp.client(buf)
  if not client or not snooze.is_on(buf) then
    return
  end
  moved_timer = vim.defer_fn(function()
    if api.nvim_get_current_buf() ~= buf or not vim.lsp.buf_is_attached(buf, client.id) then
      return
    end
    local row, column = cursor()
    lsp.notify(client, 'slmcode/cursorMoved', {
      textDocument = vim.lsp.util.make_text_document_params(buf),
      position = {
        line = row,
        character = text_of.character(
          api.nvim_get_current_line(),
          column,
          client.offset_encoding
        ),
      },
    })
  end, MOVED_MS)
end

--- Insert mode was left: what was shown is dismissed.
local function on_insert_leave()
  cancel()
  if current and display.is_drawn() and api.nvim_get_mode().mode ~= 'niI' then
    tell('slmcode/didDismissCompletion', current)
  end
  M.hide()
end

--- A server serves a buffer from now on.
---@param client vim.lsp.Client
---@param buf integer
function M.attach(client, buf)
  local group = api.nvim_create_augroup('slmcode.buffer.' .. buf, {})
  local function on(events, callback)
    api.nvim_create_autocmd(events, {
      group = group,
      buffer = buf,
      desc = 'slmcode',
      callback = function()
        if not lsp.client(buf) then
          return
        end
        callback()
      end,
    })
  end
  on({ 'CursorMoved', 'InsertEnter' }, on_rest)
  if is_native() then
    native().attach(client, buf)
    return
  end
  on('InsertEnter', function()
    vim.schedule(function() -- the mode is not yet "i"
      tick = vim.b[buf].changedtick
      if api.nvim_get_current_buf() == buf and not pending and not current then
        request_soon()
      end
    end)
  end)
  on('TextChangedI', on_text_changed)
  on('CursorMovedI', on_cursor_moved)
  on({ 'TextChangedP', 'CompleteChanged' }, function()
    cancel()
    M.hide()
  end)
  on('CompleteDone', function()
    vim.schedule(on_text_changed)
  end)
  on('InsertLeave', on_insert_leave)
  on({ 'BufLeave', 'WinLeave', 'RecordingEnter' }, function()
    cancel()
    M.hide()
  end)
  on('LspDetach', M.hide)
  if api.nvim_get_current_buf() == buf and has_place(buf) then
    request_soon() -- a server that was restarted while the user types
  end
end

-- What keys do

--- Whether a key for accepting would do so.
---@return boolean
function M.is_visible()
  if is_native() then
    return native().is_visible()
  end
  local rest = rest_of_current()
  return rest ~= nil and rest ~= '' and display.is_drawn()
end

--- What is typed next begins an undo step of its own.
local function break_undo()
  vim.bo.undolevels = vim.bo.undolevels
end

M.break_undo = break_undo

--- Put a piece at the cursor, as an undo step of its own, and the cursor behind it.
---@param piece string
---@param replaces integer bytes right of the cursor that go away
function M.insert(piece, replaces)
  local row, column = cursor()
  local lines = text_of.lines(piece)
  break_undo()
  api.nvim_buf_set_text(0, row, column, row, column + replaces, lines)
  local last = #lines
  api.nvim_win_set_cursor(0, { row + last, (last == 1 and column or 0) + #lines[last] })
  break_undo()
end

---@param what 'all'|'word'|'line'
---@return boolean accepted
local function accept(what)
  if is_native() then
    return native().accept(what)
  end
  local rest, typed = rest_of_current()
  if not current or not rest or rest == '' then
    M.hide()
    return false
  end
  local shown = current
  local piece = suggestion.piece(rest, what)
  local is_last = piece == rest
  M.insert(piece, is_last and shown.suggestion.replaces or 0)
  typed = typed + #piece
  if is_last then
    M.hide()
  else
    redraw()
  end
  M.tell_accepted(shown, typed)
  return true
end

--- Tell the server that the first `typed` bytes of the item were accepted.
---@param shown slmcode.Shown
---@param typed integer
function M.tell_accepted(shown, typed)
  local item = shown.items[shown.index]
  local whole = shown.suggestion.whole
  local client = vim.lsp.get_client_by_id(shown.client_id)
  if client and typed == #whole and item.command then
    lsp.request(client, 'workspace/executeCommand', {
      command = item.command.command,
      arguments = item.command.arguments,
    }, function() end, shown.buf)
  elseif typed < #whole then
    tell('textDocument/didPartiallyAcceptCompletion', shown, {
      acceptedLength = text_of.utf16_length(whole:sub(1, typed)),
    })
  end
end

--- Send away what is shown; it stays away until the text changes.
---@return boolean dismissed
function M.dismiss()
  if is_native() then
    return native().dismiss()
  end
  cancel()
  if not current then
    return false
  end
  tell('slmcode/didDismissCompletion', current)
  M.hide()
  return true
end

--- Show another suggestion for the same place; the first time others are asked for.
---@param by integer 1 or -1
---@return boolean
function M.step(by)
  if is_native() then
    return native().step(by)
  end
  local rest = rest_of_current()
  if not current or not rest or rest == '' then
    return false
  end
  if #current.items == 1 and not current.invoked then
    request(INVOKED, { index = 2, keeps = true })
    return true
  end
  local count = #current.items
  for steps = 1, count - 1 do
    if select_item(current, (current.index - 1 + by * steps) % count + 1) then
      break
    end
  end
  return true
end

--- Ask now, for a block or for one line.
---@param one_line? boolean
function M.complete(one_line)
  local buf = api.nvim_get_current_buf()
  if not lsp.client(buf) then
    notify.warn(require('slmcode.client').missing())
    return
  end
  if api.nvim_get_mode().mode:sub(1, 1) ~= 'i' then
    api.nvim_create_autocmd('InsertEnter', {
      once = true,
      callback = function()
        vim.schedule(function()
          if api.nvim_get_mode().mode:sub(1, 1) == 'i' then
            M.complete(one_line)
          end
        end)
      end,
    })
    vim.cmd.startinsert({ bang = vim.fn.col('.') >= vim.fn.col('$') - 1 })
    return
  end
  local off = snooze.words(buf)
  if off ~= '' then
    notify.say('completions are ' .. off)
    return
  end
  if is_native() then
    native().complete()
  else
    request(INVOKED, { one_line = one_line or false })
  end
end

local ACTIONS = {
  accept = function()
    return accept('all')
  end,
  ['accept-word'] = function()
    return accept('word')
  end,
  ['accept-line'] = function()
    return accept('line')
  end,
  dismiss = M.dismiss,
  next = function()
    return M.step(1)
  end,
  prev = function()
    return M.step(-1)
  end,
  complete = function()
    M.complete(false)
    return true
  end,
  ['complete-line'] = function()
    M.complete(true)
    return true
  end,
}

--- Do what a `<Plug>(slmcode-…)` mapping is for.
---@param action string "accept-word"
---@return boolean done false where nothing was shown
function M.act(action)
  return ACTIONS[action]()
end

return M
