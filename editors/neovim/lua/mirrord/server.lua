-- The language server: how it is started, and how it is asked.

local async = require('mirrord.async')
local documents = require('mirrord.documents')
local options = require('mirrord.options')

local M = {}

local name = 'mirrord'
local is_new = vim.fn.has('nvim-0.11') == 1

---How long the server may take to introduce itself.
local START_MILLISECONDS = 10000

---How long a completion on the command line may wait for an answer.
local COMPLETION_MILLISECONDS = 1000

---Calls a method of a client, which was a plain function before 0.11.
---@param client vim.lsp.Client
---@param method string
local function call(client, method, ...)
  if is_new then
    return client[method](client, ...)
  end
  return client[method](...)
end

---@param kind 'run'|'debug'|'pick'
local function lens(kind)
  return function(command)
    local argument = (command.arguments or {})[1] or {}
    require('mirrord.command').lens(kind, argument)
  end
end

---@param buffer integer
---@param on_root fun(root: string)
local function root_of(buffer, on_root)
  local path = vim.api.nvim_buf_get_name(buffer)
  if options.get().lsp and documents.is_ours(path) then
    on_root(documents.root(path))
  end
end

---As `vim.lsp.config` takes it; `root_dir` says which buffers are ours.
---@return vim.lsp.Config
function M.config()
  local settings = options.settings()
  return {
    name = name,
    cmd = options.get().server,
    filetypes = { 'json', 'jsonc', 'json5', 'yaml', 'toml' },
    root_dir = root_of,
    init_options = settings,
    settings = { mirrord = settings },
    commands = { ['mirrord.run'] = lens('run'), ['mirrord.debug'] = lens('debug'), ['mirrord.pick'] = lens('pick') },
    handlers = {
      ['mirrord/event'] = function(_, event)
        require('mirrord.status').observe(event)
      end,
      -- Lists are asked for when they are shown.
      ['mirrord/targetsChanged'] = function() end,
    },
    on_exit = vim.schedule_wrap(function()
      require('mirrord.status').forget()
    end),
  }
end

---The same, with what the user has said of it by `vim.lsp.config`.
---@param root string
---@return any
local function effective(root)
  local config = is_new and vim.lsp.config[name] or M.config()
  return vim.tbl_extend('force', config, { root_dir = root })
end

---Attaches documents to the server, those that are open too.
function M.enable()
  if is_new then
    vim.lsp.enable(name)
    return
  end
  vim.api.nvim_create_autocmd('FileType', {
    group = vim.api.nvim_create_augroup('mirrord', {}),
    callback = function(event)
      root_of(event.buf, function(root)
        vim.lsp.start(effective(root), { bufnr = event.buf })
      end)
    end,
  })
end

---Takes over options that were chosen anew, for servers that start from now on.
function M.configure()
  if is_new then
    vim.lsp.config(name, M.config())
  end
end

---@param root string
---@return vim.lsp.Client?
local function running(root)
  for _, client in ipairs(vim.lsp.get_clients({ name = name })) do
    -- 0.10 tells it in the configuration alone.
    if (client.root_dir or client.config.root_dir) == root and not call(client, 'is_stopped') then
      return client
    end
  end
end

---Why there is no server. What to do about it stands in it.
---@return string?
function M.missing()
  local command = options.get().server[1] or ''
  if vim.fn.executable(command) == 1 then
    return nil
  end
  return ('there is no program `%s`: put the folder of mirrord on the PATH, or name the server: '
    .. "require('mirrord').setup({ server = { '/path/of/mirrord-ide-server' } })"):format(command)
end

---The server of this folder, started if there is none; it may not be ready yet.
---@param root string
---@return vim.lsp.Client?
---@return string? failure a sentence for the user
function M.client(root)
  local client = running(root)
  if client then
    return client
  end
  local missing = M.missing()
  if missing then
    return nil, missing
  end
  local id
  if is_new then
    id = vim.lsp.start(effective(root), { attach = false })
  else
    id = vim.lsp.start_client(effective(root))
  end
  client = id and vim.lsp.get_client_by_id(id)
  if not client then
    return nil, ('the language server `%s` did not start; :LspLog may tell why'):format(options.get().server[1])
  end
  return client
end

---@async
---@param client vim.lsp.Client
---@return boolean
local function ready(client)
  local deadline = vim.uv.now() + START_MILLISECONDS
  while not client.initialized do
    if call(client, 'is_stopped') or vim.uv.now() > deadline then
      return false
    end
    async.sleep(5)
  end
  return true
end

---Parameters as they are sent: an empty table is an object, not a list. Methods without parameters refuse both.
---@param params? table
local function object(params)
  return params and (next(params) and params or vim.empty_dict())
end

---Asks the server of a folder.
---@async
---@param root string
---@param method string
---@param params? table
---@return any result
---@return string? failure a sentence for the user
function M.request(root, method, params)
  local client, failure = M.client(root)
  if not client then
    return nil, failure
  end
  if not ready(client) then
    return nil, ('the language server `%s` does not answer; :LspLog may tell why'):format(options.get().server[1])
  end
  local error, result = async.await(function(resume)
    if not call(client, 'request', method, object(params), resume) then
      resume({ message = 'the language server has ended; try again' })
    end
  end)
  if error then
    return nil, error.message
  end
  return result ~= vim.NIL and result or nil
end

---The same for completions, which cannot wait: nothing when the answer takes long.
---@param root string
---@param method string
---@param params? table
---@return any result
function M.request_now(root, method, params)
  local client = M.client(root)
  if not client or not vim.wait(COMPLETION_MILLISECONDS, function()
    return client.initialized
  end, 5) then
    return nil
  end
  local answer = call(client, 'request_sync', method, object(params), COMPLETION_MILLISECONDS, 0)
  return answer and answer.result
end

---Tells the server of a folder's document that no window shows, so that it can be asked about.
---@async
---@param root string
---@param path string
---@return string? uri
---@return string? failure
function M.open(root, path)
  local client, failure = M.client(root)
  if not client then
    return nil, failure
  end
  if not ready(client) then
    return nil, 'the language server does not answer'
  end
  local buffer = vim.fn.bufadd(path)
  vim.fn.bufload(buffer)
  vim.lsp.buf_attach_client(buffer, client.id)
  return vim.uri_from_bufnr(buffer)
end

return M
