vim9script
# slmcode in Vim 9: ghost text while you type, Tab takes it. No plugin and no other program is
# needed but the server. `:source` this file, or put it into ~/.vim/plugin. See editors/vim.md.
#
#   let g:slmcode = {'cmd': ['slmcode', 'serve'], 'settings': {'deadline_ms': 150}}

if !has('patch-9.0.0185') || !has('channel') || !has('textprop')
  echomsg 'slmcode needs Vim 9.0.0185 or newer with +channel and +textprop'
  finish
endif

if exists('g:loaded_slmcode')
  finish
endif
g:loaded_slmcode = true

var job: job
var server: channel
var ready = false
var documents: dict<dict<any>> = {} # by buffer number: {uri, version, listener, lines}
var request = -1                    # id of the one inline completion that is on its way
var items: list<dict<any>> = []     # what was offered here
var current = 0                     # the one of them that is shown
var ghost = ''                      # the part of it that is not typed yet; empty: nothing is shown
var drawn_at = -1                   # the changedtick it was drawn at
var pause = -1                      # timer: the cursor rests
const LOG = tempname()              # what the server writes to stderr

# --- the wire ----------------------------------------------------------------------------------

def Notify(method: string, params: dict<any>)
  if ready
    ch_sendexpr(server, {method: method, params: params})
  endif
enddef

def Request(method: string, params: dict<any>, Answered: func(dict<any>)): number
  var options = {callback: (_, message) => Answered(message)}
  return ch_sendexpr(server, {method: method, params: params}, options).id
enddef

def Start()
  if ready
    return
  endif
  var settings = get(g:, 'slmcode', {})
  var command: list<string> = get(settings, 'cmd', ['slmcode', 'serve'])
  if !executable(command[0])
    Say('no program ' .. command[0] .. ' here; name it in g:slmcode.cmd')
    return
  endif
  var root = finddir('.git', escape(getcwd(), ' ;') .. ';')
  root = root == '' ? getcwd() : fnamemodify(root, ':p:h:h')
  job = job_start(command, {
    in_mode: 'lsp', out_mode: 'lsp', err_io: 'file', err_name: LOG, noblock: 1,
    out_cb: (_, message) => Hear(message),
    exit_cb: (_, code) => Gone(code),
    stoponexit: '', # it ends when it is told to, or when its stdin is closed
  })
  server = job_getchannel(job)
  Request('initialize', {
    processId: getpid(),
    rootUri: Uri(root),
    workspaceFolders: [{uri: Uri(root), name: fnamemodify(root, ':t')}],
    initializationOptions: get(settings, 'settings', {}),
    capabilities: {
      general: {positionEncodings: ['utf-8']}, # Vim counts bytes
      textDocument: {inlineCompletion: {}, synchronization: {didSave: true}},
      experimental: {slmcode: {refresh: true, status: true}},
    },
  }, (message) => {
    if !has_key(message, 'result')
      Say('the server refuses to start: ' .. get(get(message, 'error', {}), 'message', ''))
      return
    endif
    ready = true
    Notify('initialized', {})
    for info in getbufinfo({bufloaded: 1})
      Open(info.bufnr)
    endfor
  })
enddef

# The server is gone: by our own doing, or not.
def Gone(code: number)
  var last = filereadable(LOG) ? get(readfile(LOG), -1, '') : ''
  Say(printf('the server has ended (%d). :SlmcodeStart starts it again. %s', code, last))
  ready = false
  Hide()
  for document in values(documents)
    listener_remove(document.listener)
  endfor
  documents = {}
  request = -1
  g:slmcode_state = 'stopped'
  redrawstatus!
enddef

# What the server says without being asked.
def Hear(message: dict<any>)
  var method = get(message, 'method', '')
  var params = get(message, 'params', {})
  if has_key(message, 'id') && method != ''
    var error = {code: -32601, message: 'Vim does not know ' .. method}
    ch_sendexpr(server, {id: message.id, error: error})
  elseif method == 'slmcode/status'
    g:slmcode_state = params.state
    if index(['downloadNeeded', 'degraded'], params.state) >= 0
      Say(params.message)
    endif
    redrawstatus!
  elseif method == 'slmcode/refresh'
    if mode() == 'i' && has_key(documents, bufnr()) && params == Here()
      Ask(2)
    endif
  elseif method == 'window/showMessage'
    Say(params.message)
  endif
enddef

def Say(what: string)
  # In Insert mode the next redraw would take a message away.
  popup_notification('slmcode: ' .. what, {highlight: 'WarningMsg', time: 8000})
  echomsg 'slmcode: ' .. what
enddef

# --- documents ---------------------------------------------------------------------------------

def Uri(path: string): string
  return 'file://' .. substitute(path, '[^A-Za-z0-9/._~-]', (found) => {
    var escaped = ''
    for i in range(strlen(found[0]))
      escaped ..= printf('%%%02X', char2nr(strpart(found[0], i, 1)))
    endfor
    return escaped
  }, 'g')
enddef

def Cursor(): dict<number>
  return {line: line('.') - 1, character: col('.') - 1}
enddef

def Here(): dict<any>
  return {textDocument: {uri: documents[bufnr()].uri}, position: Cursor()}
enddef

def Open(buffer: number)
  var type = getbufvar(buffer, '&filetype')
  var path = fnamemodify(bufname(buffer), ':p')
  var is_file = type != '' && getbufvar(buffer, '&buftype') == '' && bufname(buffer) != ''
  if !ready || !is_file || has_key(documents, buffer)
    return
  endif
  var n_lines = getbufinfo(buffer)[0].linecount
  documents[buffer] = {
    uri: Uri(path), version: 1, lines: n_lines, listener: listener_add(Changed, buffer),
  }
  Notify('textDocument/didOpen', {textDocument: {
    uri: Uri(path), version: 1, languageId: type, text: Text(buffer, 1, n_lines),
  }})
enddef

def Close(buffer: number)
  if has_key(documents, buffer)
    var document = remove(documents, buffer)
    listener_remove(document.listener)
    Notify('textDocument/didClose', {textDocument: {uri: document.uri}})
  endif
enddef

# Send whole lines: old ones from `first` to before `last` have become new ones to before
# `last + shift`. Every line ends with a line feed for the server, the last one too.
def Changed(buffer: number, _: number, __: number, ___: number, changes: list<dict<number>>)
  var document = documents[buffer]
  var [first, last, shift] = [changes[0].lnum, changes[0].end, changes[0].added]
  for more in changes[1 : ] # each counts lines as they were after the one before
    last = max([last + shift, more.end]) - shift
    first = min([first, more.lnum])
    shift += more.added
  endfor
  last = min([last, document.lines + 1])
  var change: dict<any> = {text: Text(buffer, first, last + shift - 1)}
  var n_lines = getbufinfo(buffer)[0].linecount
  if document.lines + shift == n_lines
    change.range = {start: {line: first - 1, character: 0}, end: {line: last - 1, character: 0}}
  else # an emptied buffer still has one line
    change.text = Text(buffer, 1, n_lines)
  endif
  document.version += 1
  document.lines = n_lines
  Notify('textDocument/didChange', {
    textDocument: {uri: document.uri, version: document.version},
    contentChanges: [change],
  })
enddef

def Text(buffer: number, first: number, last: number): string
  return getbufline(buffer, first, last)->map((_, line) => line .. "\n")->join('')
enddef

# --- ghost text --------------------------------------------------------------------------------

def Draw(text: string)
  Clear()
  ghost = text
  drawn_at = b:changedtick
  if text == ''
    return
  endif
  var lines = split(substitute(text, "\t", repeat(' ', &tabstop), 'g'), "\n", true)
  if lines[0] != ''
    prop_add(line('.'), col('.'), {type: 'slmcode', text: lines[0]})
  endif
  for line in lines[1 : ]
    prop_add(line('.'), 0, {type: 'slmcode', text_align: 'below', text: line == '' ? ' ' : line})
  endfor
enddef

def Clear()
  ghost = ''
  prop_remove({type: 'slmcode', all: true})
enddef

def Hide()
  Clear()
  items = []
enddef

# The part of an item that stands behind the cursor, or nothing where the text does not fit.
def Rest(item: dict<any>): string
  var start = item.range.start
  if line('.') - 1 != start.line || col('.') - 1 < start.character
    return ''
  endif
  var typed = strpart(getline('.'), start.character, col('.') - 1 - start.character)
  return stridx(item.insertText, typed) == 0 ? strpart(item.insertText, strlen(typed)) : ''
enddef

# Ask for a completion here. Kind 1: by command, which may take longer and brings alternatives.
def Ask(kind: number)
  Cancel()
  listener_flush() # the change goes first
  if !ready || !has_key(documents, bufnr())
    return
  endif
  var place = [bufnr(), b:changedtick, line('.'), col('.')]
  var params = extend(Here(), {context: {triggerKind: kind}})
  request = Request('textDocument/inlineCompletion', params, (message) => {
    if message.id != request
      return # it was taken back
    endif
    request = -1
    if place != [bufnr(), b:changedtick, line('.'), col('.')] || mode() != 'i'
      return
    endif
    var result = get(message, 'result', null)
    items = type(result) == v:t_dict ? result.items : type(result) == v:t_list ? result : []
    Show(0)
  })
enddef

def Show(which: number)
  if empty(items)
    Clear()
    return
  endif
  current = (which + len(items)) % len(items)
  Draw(Rest(items[current]))
  if ghost != ''
    Notify('textDocument/didShowCompletion', {item: items[current]})
  endif
  redraw
enddef

def Next()
  Show(current + 1)
enddef

def Cancel()
  if request >= 0
    Notify('$/cancelRequest', {id: request})
    request = -1
  endif
enddef

# A key was typed: along with what is shown, or not.
def Typed()
  var rest = ghost == '' ? '' : Rest(items[current])
  if rest != '' && strlen(rest) < strlen(ghost)
    Draw(rest)
    return
  endif
  Hide()
  Ask(2)
enddef

# The cursor moved. If it was not by typing, what is shown does not belong there. At a rest the
# server works ahead.
def Moved()
  if ghost != '' && drawn_at == b:changedtick && Rest(items[current]) != ghost
    Hide()
  endif
  timer_stop(pause)
  pause = timer_start(150, (_) => {
    if has_key(documents, bufnr()) && mode() == 'i' && ghost == '' && request < 0
      Notify('slmcode/cursorMoved', Here())
    endif
  })
enddef

def Left()
  Cancel()
  if ghost != ''
    Notify('slmcode/didDismissCompletion', {item: items[current]})
  endif
  Hide()
enddef

# Put the shown item into the buffer.
def Take()
  if ghost == ''
    return
  endif
  var item = items[current]
  var lines = split(ghost, "\n", true)
  var tail = strpart(getline('.'), max([item.range.end.character, col('.') - 1]))
  lines[0] = strpart(getline('.'), 0, col('.') - 1) .. lines[0]
  var column = strlen(lines[-1]) + 1
  lines[-1] ..= tail
  Hide()
  append('.', lines[1 : ])
  setline('.', lines[0])
  cursor(line('.') + len(lines) - 1, column)
  listener_flush()
  if has_key(item, 'command')
    var command = {command: item.command.command, arguments: get(item.command, 'arguments', [])}
    Request('workspace/executeCommand', command, (_) => {
    })
  endif
enddef

# --- Vim's side --------------------------------------------------------------------------------

highlight default link SlmcodeGhost NonText
prop_type_add('slmcode', {highlight: 'SlmcodeGhost'})

augroup slmcode
  autocmd!
  autocmd FileType * Open(str2nr(expand('<abuf>')))
  autocmd BufUnload * Close(str2nr(expand('<abuf>')))
  autocmd TextChangedI * Typed()
  autocmd InsertEnter,CursorMovedI * Moved()
  autocmd InsertLeave,BufLeave * Left()
  autocmd VimEnter * Start()
  autocmd VimLeavePre * {
      if ready
        ready = false
        ch_evalexpr(server, {method: 'shutdown'}, {timeout: 1000})
        ch_sendexpr(server, {method: 'exit'})
      endif
    }
augroup END

command! SlmcodeStart Start()
# <C-g>u begins an undo step, so that `u` takes back what was accepted and nothing else.
inoremap <expr> <Plug>(slmcode-accept) ghost == '' ? '' : "\<C-g>u\<Cmd>call <SID>Take()\<CR>"
inoremap <Plug>(slmcode-complete) <Cmd>call <SID>Ask(1)<CR>
inoremap <Plug>(slmcode-next) <Cmd>call <SID>Next()<CR>
if maparg('<Tab>', 'i') == ''
  inoremap <expr> <Tab> ghost == '' ? "\<Tab>" : "\<C-g>u\<Cmd>call <SID>Take()\<CR>"
endif

if v:vim_did_enter
  Start()
endif
