-- What a launch asks of the server: its configuration, its target, its session.

local documents = require('mirrord.documents')
local picker = require('mirrord.picker')
local say = require('mirrord.say')
local server = require('mirrord.server')
local status = require('mirrord.status')

local M = {}

---Whether the configuration file names a target itself. One with errors counts as if it did: the server tells of them.
---@async
---@param root string
---@param path string
---@return boolean
local function names_target(root, path)
  local uri, failure = server.open(root, path)
  if not uri then
    return failure ~= nil
  end
  local answer = server.request(root, 'mirrord/config', { uri = uri })
  if not answer or not answer.config or answer.config == vim.NIL then
    return true
  end
  local target = answer.config.target
  return type(target) == 'table' and target.path ~= nil and target.path ~= vim.NIL
end

---Completes what a launch wants by the folder's configuration and target. Without any target the user picks one:
---nothing runs elsewhere than wanted.
---@async
---@param root string
---@param wish? mirrord.Wish
---@return mirrord.Wish? wish nothing when the user has cancelled
function M.complete(root, wish)
  wish = vim.deepcopy(wish or {})
  if wish.session then
    return wish
  end
  wish.config = wish.config or documents.usual(root)
  if wish.target then
    return wish
  end
  local choice = status.target(root)
  if not choice then
    local config = wish.config
    if type(config) == 'table' and config.target then
      return wish
    end
    if type(config) == 'string' and names_target(root, config) then
      return wish
    end
    choice = picker.pick(root)
    if not choice then
      return nil
    end
  end
  wish.target = choice.path
  wish.namespace = wish.namespace or choice.namespace
  wish.context = wish.context or choice.context
  return wish
end

local tokens = 0

---@class mirrord.Start what a session has to know of the launch
---@field cwd string
---@field env? table<string, string|vim.NIL>
---@field debugger? integer process that starts the debug adapter

---Starts a session. Its steps are shown as they come.
---@async
---@param root string
---@param wish mirrord.Wish
---@param of_launch mirrord.Start
---@return mirrord.Injection?
---@return string? failure
function M.start(root, wish, of_launch)
  tokens = tokens + 1
  local env = of_launch.env
  local injection, failure = server.request(root, 'mirrord/start', {
    mirrord = next(wish) and wish or vim.empty_dict(),
    cwd = of_launch.cwd,
    env = env and next(env) and env or vim.empty_dict(),
    debugger = of_launch.debugger,
    workDoneToken = ('mirrord-%d'):format(tokens),
  })
  say.step('')
  return injection, failure
end

---Ends a session; one that has ended already is as good.
---@async
---@param root string
---@param session string
---@return string? failure
function M.finish(root, session)
  status.ended(session)
  local _, failure = server.request(root, 'mirrord/stop', { session = session })
  if not failure then
    return nil
  end
  local answer, unknown = server.request(root, 'mirrord/sessions')
  for _, running in ipairs(answer and answer.sessions or {}) do
    if running.session == session then
      return failure
    end
  end
  return unknown
end

return M
