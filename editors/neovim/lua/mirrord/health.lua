-- :checkhealth mirrord

local async = require('mirrord.async')
local documents = require('mirrord.documents')
local options = require('mirrord.options')
local server = require('mirrord.server')

local M = {}

---How long one question to the server may take; the first look at a cluster takes up to 20 s.
local ANSWER_MILLISECONDS = 30000

---What this plugin asks of the server.
local NEEDED = { 'mirrord/targets', 'mirrord/start', 'mirrord/stop', 'mirrord/sessions', 'mirrord/config' }

---@param root string
---@param method string
---@param params? table
---@return any result
---@return string? failure
local function ask(root, method, params)
  local answered, result, failure = false, nil, nil
  async.run(function()
    result, failure = server.request(root, method, params)
    answered = true
  end)
  vim.wait(ANSWER_MILLISECONDS, function()
    return answered
  end, 20)
  if not answered then
    return nil, ('no answer within %d s'):format(ANSWER_MILLISECONDS / 1000)
  end
  return result, failure
end

local function check_editor()
  vim.health.start('Neovim')
  local version = 'Neovim ' .. vim.fn.matchstr(vim.fn.execute('version'), [[NVIM \zs\S*]])
  if vim.fn.has('nvim-0.10') == 1 then
    vim.health.ok(version)
  else
    vim.health.error(version, 'Install 0.10 or newer')
  end
end

---@return boolean goes_on
local function check_program()
  vim.health.start('Server')
  local missing = server.missing()
  if missing then
    vim.health.error(missing)
    return false
  end
  local command = vim.list_extend(vim.deepcopy(options.get().server), { '--version' })
  local done = vim.system(command, { text = true, timeout = ANSWER_MILLISECONDS }):wait()
  if done.code ~= 0 then
    vim.health.error(('`%s` failed: %s'):format(table.concat(command, ' '), vim.trim(done.stderr or '')))
    return false
  end
  vim.health.ok(('%s is %s'):format(vim.fn.exepath(command[1] or ''), vim.trim(done.stdout or '')))
  return true
end

---@param root string
---@return boolean goes_on
local function check_protocol(root)
  local sessions, failure = ask(root, 'mirrord/sessions')
  if not sessions then
    vim.health.error('the language server does not answer: ' .. failure, 'See :LspLog')
    return false
  end
  local client = assert(server.client(root))
  ---@type table<string, any>
  local capabilities = client.server_capabilities or {}
  ---@type string[]
  local known = vim.tbl_get(capabilities, 'experimental', 'mirrord', 'requests') or {}
  local lacking = vim.tbl_filter(function(method)
    return not vim.tbl_contains(known, method)
  end, NEEDED)
  if #lacking > 0 then
    vim.health.error('the server does not know ' .. table.concat(lacking, ', '), 'Update mirrord')
  else
    vim.health.ok('the language server answers')
  end
  vim.health.info(('%d sessions run on this machine'):format(#sessions.sessions))
  return true
end

---@param root string
local function check_cluster(root)
  vim.health.start('Cluster')
  local targets, failure = ask(root, 'mirrord/targets', {})
  if targets then
    local place = ('%d targets in namespace %s'):format(targets.total, targets.currentNamespace or 'default')
    vim.health.ok(('%s of %s'):format(place, targets.context or 'the current context'))
  else
    vim.health.error('the cluster cannot be asked: ' .. failure, {
      'Try `kubectl get pods` in a terminal',
      "Name the kubeconfig: require('mirrord').setup({ kubeconfig = '…' })",
    })
  end
  local usual = documents.usual(root)
  vim.health.info(usual and ('launches here use ' .. usual) or ('launches in ' .. root .. ' have no configuration file'))
end

local function check_debugging()
  vim.health.start('Debugging')
  local there, dap = pcall(require, 'dap')
  if not there then
    vim.health.info('nvim-dap is not installed: `:Mirrord run` works, `:Mirrord debug` does not')
  elseif not dap.listeners.on_config then
    vim.health.warn('this nvim-dap cannot give sessions to other adapters', 'Update nvim-dap')
  else
    vim.health.ok('nvim-dap is installed')
  end
end

function M.check()
  local root = documents.root(0)
  check_editor()
  if check_program() and check_protocol(root) then
    check_cluster(root)
  end
  check_debugging()
end

return M
