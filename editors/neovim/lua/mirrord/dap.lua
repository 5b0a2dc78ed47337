-- Debugging with nvim-dap: the adapter type `mirrord`, and a session for launches of any other adapter.

local async = require('mirrord.async')
local documents = require('mirrord.documents')
local environment = require('mirrord.environment')
local launch = require('mirrord.launch')
local options = require('mirrord.options')
local say = require('mirrord.say')
local status = require('mirrord.status')

local M = {}

local KEY = 'mirrord'

---The key of a configuration that names the session which it was given. Adapters ignore keys that they do not know.
local MARK = '__mirrordSession'

---A debug session that has not begun by then has failed.
local BEGIN_MILLISECONDS = 120000

---How long a program may take to join after it was started.
local JOIN_MILLISECONDS = 10000

---@class mirrord.Launch a session that a launch of another adapter was given
---@field root string
---@field original table the configuration before it was given the session
---@field begun boolean
---@field ended boolean

---@type table<string, mirrord.Launch> by name of the session
local launches = {}

---@return any dap nothing where nvim-dap is not installed
local function nvim_dap()
  local there, dap = pcall(require, 'dap')
  return there and dap or nil
end

---The server as a debug adapter: nvim-dap calls this for configurations of the type `mirrord`.
---@param use fun(adapter: table)
function M.adapter(use)
  local chosen = options.get()
  local arguments = vim.list_slice(chosen.server, 2)
  arguments[#arguments + 1] = 'dap'
  local variables
  if chosen.kubeconfig or next(chosen.env) then
    -- It takes the place of the whole environment.
    variables = {}
    for name, value in pairs(options.environment()) do
      variables[#variables + 1] = name .. '=' .. value
    end
  end
  -- The end of a session takes until the cluster's traffic is given back.
  local behaviour = { env = variables, disconnect_timeout_sec = 10 }
  use({ type = 'executable', command = chosen.server[1], args = arguments, options = behaviour })
end

---@param dap any
---@param config table
---@return mirrord.EnvShape
local function shape_of(dap, config)
  local chosen = options.get().env_shapes[config.type]
  if chosen then
    return chosen
  end
  local adapter = dap.adapters[config.type]
  local command = type(adapter) == 'table' and vim.fs.basename(adapter.command or '') or config.type
  if command:find('^lldb%-dap') or command:find('^lldb%-vscode') or command == 'lldb' then
    return 'list'
  end
  if config.type == 'cppdbg' then
    return 'named'
  end
  return vim.islist(config.env or {}) and next(config.env or {}) and 'list' or 'object'
end

---@param dap any
---@param config table
local function aborted(dap, config)
  if not dap.ABORT then
    error('mirrord: the launch was given up', 0)
  end
  return vim.tbl_extend('force', config, { program = dap.ABORT })
end

---What a configuration says of mirrord.
---@param root string
---@param config table
---@return mirrord.Wish? wish nothing where it gets no session
local function wish_of(root, config)
  local said = config.mirrord
  if said == nil then
    return (config.type == KEY or status.is_on(root)) and {} or nil
  end
  if said == false or type(said) == 'table' and said.enabled == false then
    return nil
  end
  return type(said) == 'table' and said or {}
end

---@async
---@param dap any
---@param config table
---@param root string
---@param wish mirrord.Wish
local function with_session(dap, config, root, wish)
  local cwd = type(config.cwd) == 'string' and config.cwd or vim.fn.getcwd()
  local injection, failure = launch.start(root, wish, {
    cwd = cwd,
    env = environment.of_config(config),
    -- Adapters are children of Neovim.
    debugger = vim.fn.getpid(),
  })
  if not injection then
    say.error(('`%s` is not started: %s'):format(config.name or config.type, failure))
    return aborted(dap, config)
  end
  local given = vim.tbl_extend('force', config, { [MARK] = injection.session })
  given.mirrord = nil
  local kept = environment.apply(given, injection, shape_of(dap, config))
  if #kept > 0 then
    say.warn(('%s cannot remove variables; the program keeps %s'):format(config.type, table.concat(kept, ', ')))
  end
  launches[injection.session] = { root = root, original = config, begun = false, ended = false }
  vim.defer_fn(function()
    M.give_up(injection.session)
  end, BEGIN_MILLISECONDS)
  return given
end

---@async
---@param dap any
---@param config table
local function on_config(dap, config)
  local earlier = launches[config[MARK]]
  if earlier then
    if not earlier.ended then
      return config -- a restart within the debug session that has it
    end
    config = earlier.original
  end
  local root = documents.root(0)
  local wish = wish_of(root, config)
  local is_child = config.__pendingTargetId or config.__parentId or config.subProcessId
  if not wish or is_child or config.request ~= 'launch' then
    if wish and config.mirrord and config.request == 'attach' and config.type ~= KEY then
      say.warn('a program that runs already cannot be given a session: start it by `:Mirrord run`, or launch it')
    end
    if config.type == KEY then
      return config
    end
    local plain = vim.tbl_extend('force', config, {})
    plain.mirrord = nil
    return plain
  end
  -- Paths are needed as they will be; expanding them twice changes nothing.
  local expand = dap.listeners.on_config['dap.expand_variable']
  config = expand and expand(config) or config
  wish = launch.complete(root, wish)
  if not wish then
    return aborted(dap, config)
  end
  if config.type == KEY then
    return vim.tbl_extend('force', config, { mirrord = wish })
  end
  return with_session(dap, config, root, wish)
end

---@param name string
local function finish(name)
  local launched = launches[name]
  if not launched or launched.ended then
    return
  end
  launched.ended = true
  async.run(function()
    local failure = launch.finish(launched.root, name)
    if failure then
      say.warn(('the session %s does not end: %s'):format(name, failure))
    end
  end)
end

---Ends the session of a launch whose debug session has not begun.
---@param name string
function M.give_up(name)
  local launched = launches[name]
  if launched and not launched.begun then
    finish(name)
  end
end

---Ends a debug session and its program.
---@param debugged table
local function disconnect(debugged)
  if not debugged.closed then
    debugged:request('disconnect', { terminateDebuggee = true }, function()
      debugged:close()
    end)
  end
end

---Ends a debug session of which no program has joined: it would run on this machine alone.
---@param name string
---@param debugged table
local function check_joined(name, debugged)
  vim.defer_fn(function()
    local launched = launches[name]
    if not launched or launched.ended then
      return
    end
    async.run(function()
      for _, session in ipairs(require('mirrord.sessions').list(launched.root) or {}) do
        if session.session == name and session.programs == 0 then
          say.error(
            ('the debug session is ended, as no program of it has joined %s. '):format(session.target)
              .. 'Static and Go programs need the adapter type `mirrord`; others may need `env_shapes`: :help mirrord-dap'
          )
          disconnect(debugged)
        end
      end
    end)
  end, JOIN_MILLISECONDS)
end

---@param dap any
local function listen(dap)
  local after = dap.listeners.after
  after.initialize[KEY] = function(session)
    local name = session.config[MARK]
    local of_server = session.config.type == KEY
    if name and launches[name] then
      launches[name].begun = true
      status.tie(name, function()
        disconnect(session)
      end)
    end
    if of_server then
      status.debugging(session, true)
    end
    -- The end comes in many ways; this one tells of all where it is known.
    if type(session.on_close) == 'table' and (name or of_server) then
      session.on_close[KEY] = function()
        status.debugging(session, false)
        if name then
          finish(name)
        end
      end
    end
  end
  after.configurationDone[KEY] = function(session)
    local name = session.config[MARK]
    if name then
      check_joined(name, session)
    end
  end
  local function ended(session)
    status.debugging(session, false)
    local name = session.config[MARK]
    if name then
      finish(name)
    end
  end
  after.event_terminated[KEY] = ended
  after.disconnect[KEY] = ended
  after.terminate[KEY] = ended
end

---Tells nvim-dap of mirrord. May be called again.
---@return boolean there whether nvim-dap is installed
function M.setup()
  local dap = nvim_dap()
  if not dap then
    return false
  end
  dap.adapters[KEY] = dap.adapters[KEY] or M.adapter
  if not dap.listeners.on_config then
    say.warn('this nvim-dap is too old for sessions of other adapters: update it, or use the adapter type `mirrord`')
    return true
  end
  ---@async
  dap.listeners.on_config[KEY] = function(config)
    return on_config(dap, config)
  end
  listen(dap)
  return true
end

---Starts debugging, with a session whatever the configuration says.
---@param wish? mirrord.Wish
---@return string? failure a sentence for the user
function M.debug(wish)
  if not M.setup() then
    return 'debugging needs the plugin nvim-dap, which is not installed; `:Mirrord run` runs programs without it'
  end
  nvim_dap().continue({
    new = true,
    before = function(config)
      local said = type(config.mirrord) == 'table' and config.mirrord or {}
      local wanted = vim.tbl_extend('force', said, wish or {}, { enabled = true })
      return vim.tbl_extend('force', config, { mirrord = wanted })
    end,
  })
end

return M
