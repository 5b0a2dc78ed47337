-- What is known without asking: the target of each folder, the sessions that the server tells of. For status lines.

local documents = require('mirrord.documents')
local say = require('mirrord.say')

local M = {}

---@class mirrord.Choice
---@field path string
---@field namespace? string
---@field context? string

---@type table<string, mirrord.Choice> picked targets by folder
local targets = {}

---@type table<string, boolean> folders whose debug launches all get a session
local on = {}

---@type table<string, mirrord.State> states of sessions that editors have started, by name
local states = {}

---@type table<string, fun()> what ends the programs of a session, by its name
local endings = {}

---@type table<table, true> debug sessions of the adapter type `mirrord`
local debugs = {}

local function redraw()
  vim.schedule(function()
    vim.cmd.redrawstatus({ bang = true })
  end)
end

---@param root string
---@return mirrord.Choice?
function M.target(root)
  return targets[root]
end

---@param root string
---@param choice? mirrord.Choice
function M.choose(root, choice)
  targets[root] = choice
  redraw()
end

---@param root string
---@return boolean
function M.is_on(root)
  return on[root] == true
end

---@param root string
---@param is_on boolean
function M.switch(root, is_on)
  on[root] = is_on or nil
  redraw()
end

---Says what is to be done when a session ends before its programs: they would go on without the pod.
---@param session string
---@param ending fun()
function M.tie(session, ending)
  endings[session] = ending
end

---@param session string
local function over(session)
  states[session] = nil
  local ending = endings[session]
  endings[session] = nil
  if ending then
    vim.schedule(ending)
  end
end

---The server says something of a session or a cluster.
---@param event mirrord.Event
function M.observe(event)
  local session, text = event.session, event.text
  if not session then
    return -- clusters are seen in diagnostics and pickers
  end
  if event.kind == 'state' then
    states[session] = event.state
    if event.state == 'stopped' then
      over(session)
    elseif event.state == 'lost' then
      over(session)
      say.error(('the session %s is lost: %s'):format(session, text or 'no reason is known'))
    elseif event.state == 'degraded' then
      say.warn(('the session %s waits for the cluster: %s'):format(session, text or 'no reason is known'))
    end
    redraw()
  elseif event.kind == 'step' then
    say.step(text or '')
  elseif event.kind == 'warning' then
    say.warn(text or '')
  end
end

---The programs of a session have ended, and it is about to.
---@param session string
function M.ended(session)
  states[session], endings[session] = nil, nil
  redraw()
end

---A debug session of the adapter type `mirrord` has begun or ended; its own process holds the session.
---@param debugged table
---@param runs boolean
function M.debugging(debugged, runs)
  debugs[debugged] = runs or nil
  redraw()
end

---The server has ended, and its sessions with it.
function M.forget()
  for session in pairs(vim.tbl_extend('force', states, endings)) do
    over(session)
  end
  redraw()
end

---For status lines: empty where mirrord is not in use, else the target of the current buffer's folder and whether a
---session runs.
---@return string
function M.line()
  local root = documents.root(0)
  local target, count, worst = targets[root], vim.tbl_count(debugs), nil
  for _, state in pairs(states) do
    count = count + 1
    if state ~= 'connected' then
      worst = state
    end
  end
  if not target and count == 0 and not on[root] then
    return ''
  end
  local parts = { 'mirrord' }
  if target then
    parts[#parts + 1] = target.path
  end
  if count > 0 then
    parts[#parts + 1] = worst or 'connected'
  elseif on[root] then
    parts[#parts + 1] = 'on'
  end
  -- A percent sign would be a command to the status line.
  return (table.concat(parts, ' '):gsub('%%', '%%%%'))
end

return M
