--- The server as a client of Neovim's: found, started, restarted, given its settings.

local completion -- loaded when a server answers
local languages = require('slmcode.languages')
local lsp = require('slmcode.lsp')
local notify = require('slmcode.notify')
local options = require('slmcode.options')
local schema = require('slmcode.settings')
local status = require('slmcode.status')
local version = require('slmcode.version')

local M = {}

local RETRY_MS = { 1000, 3000 } -- before a restart; the next crash within WINDOW_MS is the last
local WINDOW_MS = 60000
local POLL_MS, STOP_MS = 50, 3000 -- a server has so long to end by itself
local NATIVE_DEADLINE_MS = 500 -- Neovim asks once per pause, so the one answer may take its time

local crashes = {} ---@type integer[] times of vim.uv.now()
local gave_up = false
local stopping = {} ---@type table<integer, true> clients that end because we want it
local exit = '' -- how the last server ended
local clean = false -- it did so with 0, as when Neovim asks it to
local answered = {} ---@type table<integer, true> clients that were initialized
local folders = {} ---@type table<integer, string[]> to be told a client that is not initialized yet
local listeners = {} ---@type table<string, fun(value: any)> by progress token
local tokens = 0
local start ---@type fun()

-- Settings

--- All settings for the server: what is set, and the default for what was set at its start.
---@param initial? table<string, any>
---@return table<string, any>
local function settings(initial)
  local values = vim.deepcopy(options.settings())
  for name in pairs(initial or {}) do
    if values[name] == nil and schema[name] then
      values[name] = schema[name].default
    end
  end
  if options.current.display == 'native' and values.deadline_ms == nil then
    values.deadline_ms = NATIVE_DEADLINE_MS
  end
  if next(values) == nil then
    return vim.empty_dict() -- {}, not []
  end
  return values
end

--- Tell the running servers the settings as they are now.
function M.push_settings()
  for _, client in ipairs(vim.lsp.get_clients({ name = lsp.NAME })) do
    client.settings = { slmcode = settings(client.config.init_options) }
    if client.initialized ~= false then
      lsp.notify(client, 'workspace/didChangeConfiguration', { settings = client.settings })
    end
  end
end

-- Progress and partial results

--- A token for `workDoneToken` or `partialResultToken`, and what to do with its values.
---@param on_value fun(value: any)
---@return string token
function M.listen(on_value)
  tokens = tokens + 1
  local token = 'slmcode-' .. tokens
  listeners[token] = on_value
  return token
end

---@param token string
function M.unlisten(token)
  listeners[token] = nil
end

-- Finding

---@return string[]? command nil where it is a function of the user's
local function command()
  local cmd = options.current.cmd
  return type(cmd) == 'table' and cmd or nil
end

--- The server's program with other arguments: `slmcode models pull fast`.
---@param ... string
---@return string[]? command nil where the server is started by a function
function M.tool(...)
  local cmd = command()
  if not cmd then
    return nil
  end
  local tool = vim.deepcopy(cmd)
  for i, word in ipairs(tool) do
    if word == 'serve' then
      tool = vim.list_slice(tool, 1, i - 1)
      break
    end
  end
  return vim.list_extend(tool, { ... })
end

--- What is wrong with the server's program, for people; nil where it can be started.
---@return string?
function M.problem()
  local cmd = command()
  if not cmd or vim.fn.executable(cmd[1]) == 1 then
    return nil
  end
  local path = vim.fn.expand(cmd[1])
  if vim.fn.filereadable(path) == 1 then
    return ('%s cannot be executed: chmod +x %s'):format(path, path)
  end
  return ('the server %q was not found. '):format(cmd[1])
    .. 'Install it (:help slmcode-install) or say where it is: '
    .. "require('slmcode').setup{ cmd = { '/path/to/slmcode', 'serve' } }"
end

--- Why the current buffer has no server, for people.
---@return string
function M.missing()
  local problem = M.problem()
  if problem then
    return problem
  elseif gave_up then
    return 'the server does not run; :SlmcodeRestart tries again'
  elseif lsp.is_starting() then
    return 'the server is starting'
  end
  return 'no server runs for this buffer'
end

---@param buf integer
---@return boolean
local function wants_server(buf)
  return vim.bo[buf].buftype == '' and vim.api.nvim_buf_get_name(buf) ~= ''
end

--- The workspace folder of a buffer, given to `on_dir` where a server can be started for it.
---@param buf integer
---@param on_dir fun(root: string?)
local function root_dir(buf, on_dir)
  if not wants_server(buf) or gave_up then
    return
  end
  local problem = M.problem()
  if problem then
    status.set_state('missing', problem)
    notify.once('server', problem)
    return
  end
  notify.forget('server')
  on_dir(vim.fs.root(buf, options.current.root_markers))
end

-- Starting

---@param client vim.lsp.Client
---@param root string
local function add_folder(client, root)
  local folder = { uri = vim.uri_from_fname(root), name = root }
  client.workspace_folders = vim.list_extend(client.workspace_folders or {}, { folder })
  lsp.notify(
    client,
    'workspace/didChangeWorkspaceFolders',
    { event = { added = { folder }, removed = {} } }
  )
end

--- One server serves all folders: another one is told to it.
---@param client vim.lsp.Client
---@param config vim.lsp.ClientConfig
---@return boolean
local function reuse(client, config)
  if client.name ~= lsp.NAME or config.name ~= lsp.NAME or stopping[client.id] then
    return false
  end
  local root = config.root_dir
  if not root then
    return true
  end
  for _, folder in ipairs(client.workspace_folders or {}) do
    if folder.name == root then
      return true
    end
  end
  if client.initialized then
    add_folder(client, root)
  else
    folders[client.id] = folders[client.id] or {}
    if not vim.tbl_contains(folders[client.id], root) then
      table.insert(folders[client.id], root)
    end
  end
  return true
end

---@param client vim.lsp.Client
---@param result? table the answer to `initialize`, where Neovim hands it on
local function on_init(client, result)
  completion = require('slmcode.completion')
  require('slmcode.actions').attach(client)
  answered[client.id] = true
  for _, root in ipairs(folders[client.id] or {}) do
    add_folder(client, root)
  end
  folders[client.id] = nil
  local info = client.server_info or (type(result) == 'table' and result.serverInfo) or {}
  local found = info.version or '?'
  M.server_version = found
  if info.name ~= 'slmcode' then
    notify.once('version', ('what answers is %s, not slmcode'):format(info.name or 'unknown'))
  elseif not version.fits(found) then
    notify.once(
      'version',
      ('the server is version %s, this plugin %s: '):format(found, version.VERSION)
        .. 'update the older of them, then :SlmcodeRestart'
    )
  else
    notify.forget('version')
  end
end

--- Start the server's process. Neovim hears of a good end only: it would tell the user of a bad one
--- in words of its own, beside ours.
---@param dispatchers vim.lsp.rpc.Dispatchers
---@return vim.lsp.rpc.PublicClient?
local function spawn(dispatchers)
  local cmd = options.current.cmd
  local on_exit = dispatchers.on_exit
  function dispatchers.on_exit(code, signal)
    clean = code == 0 and signal == 0
    exit = signal ~= 0 and ('signal %d'):format(signal) or ('exit code %d'):format(code)
    on_exit(0, 0)
  end
  status.set_state('starting')
  if type(cmd) == 'function' then
    return cmd(dispatchers)
  end
  return vim.lsp.rpc.start(cmd, dispatchers)
end

---@param id integer
local function on_exit(_, _, id)
  local wanted = stopping[id] or (clean and answered[id])
  stopping[id], folders[id], answered[id] = nil, nil, nil
  vim.schedule(function()
    if completion then
      completion.hide()
    end
    if vim.v.exiting ~= vim.NIL then
      return
    elseif wanted then
      local others = vim.tbl_filter(function(client)
        return client.id ~= id
      end, lsp.all_clients())
      if #others == 0 then
        status.set_state('stopped')
      end
      return
    end
    status.set_state('stopped', 'the server ended with ' .. exit)
    local now = vim.uv.now()
    crashes = vim.tbl_filter(function(at)
      return now - at < WINDOW_MS
    end, crashes)
    table.insert(crashes, now)
    local wait = RETRY_MS[#crashes]
    if not wait then
      M.give_up()
      return
    end
    notify.warn(('the server ended (%s); it is started again'):format(exit))
    vim.defer_fn(start, wait)
  end)
end

--- Three crashes within a minute: say where to look, and what `--version` says of it.
function M.give_up()
  gave_up = true
  local function say(why)
    notify.once(
      'crash',
      ('the server ended three times within a minute (%s)%s. '):format(exit, why)
        .. ('The log is %s; :SlmcodeRestart tries again'):format(lsp.log_path())
    )
  end
  M.ask_version(function(found, output)
    if not found then
      say(output ~= '' and (': ' .. output:gsub('%.+$', '')) or '')
    elseif not version.fits(found) then
      say((': it is version %s, this plugin is %s'):format(found, version.VERSION))
    else
      say('')
    end
  end)
end

--- What `slmcode --version` answers.
---@param on_answer fun(version: string?, output: string) in the main loop
function M.ask_version(on_answer)
  local tool = M.tool('--version')
  if not tool or vim.fn.executable(tool[1]) == 0 then
    on_answer(nil, '')
    return
  end
  vim.system(tool, { text = true, timeout = 10000 }, function(done)
    local output = vim.trim((done.stdout or '') ~= '' and done.stdout or done.stderr or '')
    local last = output:match('[^\n]*$')
    vim.schedule(function()
      on_answer(done.code == 0 and output:match('%d+%.%d+%.?%d*') or nil, last)
    end)
  end)
end

---@return table capabilities
local function capabilities()
  local all = vim.lsp.protocol.make_client_capabilities()
  all.textDocument.inlineCompletion = { dynamicRegistration = false }
  all.workspace.workspaceEdit = vim.tbl_extend('force', all.workspace.workspaceEdit or {}, {
    documentChanges = true,
    changeAnnotationSupport = { groupsOnLabel = false },
  })
  all.experimental = { slmcode = { refresh = options.current.display == 'own', status = true } }
  return all
end

--- What the server is started with: lsp/slmcode.lua, or from here for Neovim 0.10.
---@return table config
function M.config()
  return {
    name = lsp.NAME,
    cmd = spawn,
    capabilities = capabilities(),
    init_options = settings(),
    settings = { slmcode = settings() },
    root_dir = root_dir,
    reuse_client = reuse,
    get_language_id = function(_, filetype)
      return languages.id(filetype)
    end,
    on_init = on_init,
    on_attach = function(client, buf)
      require('slmcode.completion').attach(client, buf)
    end,
    on_exit = on_exit,
    handlers = {
      ['slmcode/status'] = function(_, params)
        status.from_server(params)
      end,
      ['slmcode/refresh'] = function(_, params)
        require('slmcode.completion').refresh(params)
      end,
      ['$/progress'] = function(err, params, ...)
        local listener = params and listeners[params.token]
        if listener then
          listener(params.value)
          return
        end
        return vim.lsp.handlers['$/progress'](err, params, ...)
      end,
    },
  }
end

--- Start the server for a buffer, in Neovim 0.10.
---@param buf integer
local function start_for(buf)
  local config = M.config()
  config.root_dir(buf, function(root)
    config.root_dir = root
    vim.lsp.start(config, { bufnr = buf, reuse_client = reuse })
  end)
end

--- Start the server for the files there are.
function start()
  if vim.lsp.enable then
    vim.lsp.enable(lsp.NAME) -- reads lsp/slmcode.lua, so with the options as they are now
    return
  end
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buf) and vim.bo[buf].filetype ~= '' then
      start_for(buf)
    end
  end
end

--- Start the server for the files there are and those that come.
function M.enable()
  M.is_enabled = true
  if not vim.lsp.enable then
    vim.api.nvim_create_autocmd('FileType', {
      group = vim.api.nvim_create_augroup('slmcode.start', {}),
      desc = 'slmcode: start the server',
      callback = function(event)
        start_for(event.buf)
      end,
    })
  end
  start()
end

--- Start when the servers have ended, or are made to.
---@param ending vim.lsp.Client[]
---@param tries integer
local function start_after(ending, tries)
  local left = vim.tbl_filter(function(client)
    return stopping[client.id]
  end, ending)
  if #left == 0 or tries == 0 then
    for _, client in ipairs(left) do
      client.rpc.terminate() -- it hangs; client:stop does nothing the second time
    end
    start()
    return
  end
  vim.defer_fn(function()
    start_after(ending, tries - 1)
  end, POLL_MS)
end

--- End the servers and start them again.
function M.restart()
  crashes, gave_up = {}, false
  for _, reason in ipairs({ 'crash', 'server', 'version', 'model', 'degraded' }) do
    notify.forget(reason)
  end
  local ending = lsp.all_clients()
  for _, client in ipairs(ending) do
    if not stopping[client.id] then
      stopping[client.id] = true
      lsp.stop(client)
    end
  end
  status.set_state('stopped')
  start_after(ending, STOP_MS / POLL_MS)
end

return M
