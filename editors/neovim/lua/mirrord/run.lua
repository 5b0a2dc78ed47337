-- Runs a command line in a terminal, in a session of its own.

local async = require('mirrord.async')
local environment = require('mirrord.environment')
local launch = require('mirrord.launch')
local options = require('mirrord.options')
local say = require('mirrord.say')
local status = require('mirrord.status')

local M = {}

local HEIGHT_LINES = 15

---@param words string[]
---@param how table
---@return integer job
local function in_terminal(words, how)
  vim.cmd(('botright %dnew'):format(HEIGHT_LINES))
  local job
  if vim.fn.has('nvim-0.11') == 1 then
    job = vim.fn.jobstart(words, vim.tbl_extend('force', how, { term = true }))
  else
    job = vim.fn.termopen(words, how)
  end
  -- Follows what is printed.
  vim.cmd('normal! G')
  return job
end

---The words of a command line: a shell reads it as it does on its own.
---@param line string
---@return string[]
local function shell(line)
  local flags = vim.split(vim.o.shellcmdflag, ' ', { trimempty = true })
  return vim.list_extend({ vim.o.shell }, vim.list_extend(flags, { line }))
end

---@async
---@param root string
---@param line string command line
---@param wish? mirrord.Wish
function M.run(root, line, wish)
  local completed = launch.complete(root, wish)
  if not completed then
    return
  end
  local cwd = vim.fn.getcwd()
  local injection, failure = launch.start(root, completed, { cwd = cwd })
  if not injection then
    say.error(('`%s` is not started: %s'):format(line, failure))
    return
  end
  local job = in_terminal(vim.list_extend(vim.deepcopy(injection.launcher), shell(line)), {
    cwd = cwd,
    clear_env = true, -- else variables could not be removed
    env = environment.of_program(options.environment(), injection),
    on_exit = function()
      async.run(function()
        local stopping = launch.finish(root, injection.session)
        if stopping then
          say.warn(('the session %s of `%s` does not end: %s'):format(injection.session, line, stopping))
        end
      end)
    end,
  })
  if job <= 0 then
    launch.finish(root, injection.session)
    say.error(('`%s` is not started: there is no `%s`'):format(line, injection.launcher[1]))
    return
  end
  status.tie(injection.session, function()
    vim.fn.jobstop(job)
  end)
end

return M
