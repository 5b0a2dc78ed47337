-- The sessions of this machine: listed, watched in a window, stopped.

local async = require('mirrord.async')
local say = require('mirrord.say')
local server = require('mirrord.server')

local M = {}

local NAME = 'mirrord://sessions'
local REFRESH_MILLISECONDS = 2000

---@async
---@param root string
---@return mirrord.Session[]?
---@return string? failure
function M.list(root)
  local answer, failure = server.request(root, 'mirrord/sessions')
  return answer and answer.sessions, failure
end

---@param value any JSON's null is not nil
local function known(value)
  if value ~= vim.NIL then
    return value
  end
end

---@param count integer
---@param one string
local function counted(count, one)
  return ('%d %s%s'):format(count, one, count == 1 and '' or 's')
end

---@param session mirrord.Session
---@return string
local function headline(session)
  local parts = { session.session, session.target, session.state }
  if known(session.reason) then
    parts[#parts + 1] = '(' .. session.reason .. ')'
  end
  if session.standing then
    parts[#parts + 1] = 'stands at a breakpoint'
  end
  if session.seconds then
    parts[#parts + 1] = ('for %d s'):format(session.seconds)
  end
  if session.by then
    parts[#parts + 1] = ('by %s, pid %s'):format(session.by, session.pid or '?')
  end
  return table.concat(parts, '  ')
end

---@param session mirrord.Session
---@return string
local function figures(session)
  local parts = { counted(session.programs or 0, 'program') .. ' joined' }
  if session.roundTrips then
    parts[#parts + 1] = counted(session.roundTrips, 'round trip')
  end
  local latency = known(session.latency)
  if latency then
    local told = 'latency %.1f ms, 99 of 100 within %.1f ms, at most %.1f ms'
    local median, p99, slowest = latency.medianMicros / 1000, latency.p99Micros / 1000, latency.slowestMicros / 1000
    parts[#parts + 1] = told:format(median, p99, slowest)
  end
  return table.concat(parts, ', ')
end

---The lines that tell of one session.
---@param session mirrord.Session
---@return string[]
function M.lines(session)
  local lines = { headline(session), '  ' .. figures(session) }
  local function add(text, ...)
    lines[#lines + 1] = '  ' .. text:format(...)
  end
  for _, port in ipairs(session.ports or {}) do
    add('port %d  %s  to %s', port.port, port.mode, port['local'])
  end
  for _, request in ipairs(session.requests or {}) do
    local ended = request.open and 'open' or 'ended'
    add('request  port %d from %s, %d s ago, %s', request.port, request.peer, request.secondsAgo, ended)
  end
  for _, connection in ipairs(session.connections or {}) do
    add('connection  to %s, for %d s', connection.remote, connection.seconds)
  end
  if (session.moreConnections or 0) > 0 then
    add('and %d more', session.moreConnections)
  end
  for _, file in ipairs(session.files or {}) do
    add('file  %s, %s%s', file.path, counted(file.times, 'time'), file.writes and ', for writing' or '')
  end
  return lines
end

---@param root string
---@param name string
function M.stop(root, name)
  async.run(function()
    local _, failure = server.request(root, 'mirrord/stop', { session = name })
    if failure then
      say.error(('the session %s cannot be stopped: %s'):format(name, failure))
    end
  end)
end

---Stops the only session, or the one that the user chooses.
---@async
---@param root string
function M.stop_one(root)
  local sessions, failure = M.list(root)
  if not sessions then
    say.error('the sessions cannot be listed: ' .. failure)
    return
  end
  if #sessions == 0 then
    say.info('no session runs')
    return
  end
  local session = sessions[1]
  if #sessions > 1 then
    session = async.select(sessions, { prompt = 'Stop session', kind = 'mirrord.session', format_item = headline })
  end
  if session then
    M.stop(root, session.session)
  end
end

---@class mirrord.View a window that shows the sessions
---@field buffer integer
---@field root string
---@field names table<integer, string> session by line

---@async
---@param view mirrord.View
local function refresh(view)
  local sessions, failure = M.list(view.root)
  if not vim.api.nvim_buf_is_valid(view.buffer) then
    return
  end
  local lines, names = { 'x stop   q close', '' }, {}
  if not sessions then
    lines[#lines + 1] = 'The sessions cannot be listed: ' .. failure
  elseif #sessions == 0 then
    lines[#lines + 1] = 'No session runs.'
  end
  for _, session in ipairs(sessions or {}) do
    for _, line in ipairs(M.lines(session)) do
      lines[#lines + 1] = (line:gsub('\n', ' '))
      names[#lines] = session.session
    end
  end
  view.names = names
  vim.bo[view.buffer].modifiable = true
  vim.api.nvim_buf_set_lines(view.buffer, 0, -1, false, lines)
  vim.bo[view.buffer].modifiable = false
end

---Refreshes while the buffer exists.
---@param view mirrord.View
local function watch(view)
  async.run(function()
    while vim.api.nvim_buf_is_valid(view.buffer) do
      -- What nobody sees is not asked for.
      if vim.fn.bufwinid(view.buffer) ~= -1 then
        refresh(view)
      end
      async.sleep(REFRESH_MILLISECONDS)
    end
  end)
end

---Opens the window, or goes to it.
---@param root string
function M.show(root)
  local window = vim.fn.bufwinid(NAME)
  if window ~= -1 then
    vim.api.nvim_set_current_win(window)
    return
  end
  vim.cmd('botright new')
  local buffer = vim.api.nvim_get_current_buf()
  vim.bo[buffer].buftype = 'nofile'
  vim.bo[buffer].bufhidden = 'wipe'
  vim.bo[buffer].swapfile = false
  vim.bo[buffer].filetype = 'mirrord-sessions'
  vim.api.nvim_buf_set_name(buffer, NAME)
  ---@type mirrord.View
  local view = { buffer = buffer, root = root, names = {} }
  vim.keymap.set('n', 'q', '<cmd>close<cr>', { buffer = buffer, desc = 'Close' })
  vim.keymap.set('n', 'x', function()
    local name = view.names[vim.fn.line('.')]
    if name then
      M.stop(root, name)
    end
  end, { buffer = buffer, desc = 'Stop the session under the cursor' })
  watch(view)
end

return M
