-- Waits without blocking the editor: functions that wait run in coroutines.

local M = {}

---Runs `work` in a coroutine. What it fails with is shown.
---@param work async fun()
function M.run(work)
  coroutine.wrap(function()
    xpcall(work, function(failure)
      require('mirrord.say').error(debug.traceback(tostring(failure), 2))
    end)
  end)()
end

---Waits until `start` has called what it is given; gives what that was called with.
---@async
---@param start fun(resume: fun(...))
---@return ...
function M.await(start)
  local thread = coroutine.running()
  assert(thread, 'waiting is for coroutines')
  local results, waits
  start(function(...)
    if results then
      return
    end
    results = vim.F.pack_len(...)
    if waits then
      local resumed, failure = coroutine.resume(thread)
      assert(resumed, failure)
    end
  end)
  if not results then
    waits = true
    coroutine.yield()
  end
  return vim.F.unpack_len(results)
end

---@async
---@param milliseconds integer
function M.sleep(milliseconds)
  M.await(function(resume)
    vim.defer_fn(resume, milliseconds)
  end)
end

---@async
---@generic T
---@param items T[]
---@param options { prompt: string, kind?: string, format_item?: fun(item: T): string }
---@return T? nothing when the user has cancelled
function M.select(items, options)
  return M.await(function(resume)
    vim.ui.select(items, options, resume)
  end)
end

---@async
---@param options { prompt: string, default?: string, completion?: string }
---@return string? nothing when the user has cancelled
function M.input(options)
  return M.await(function(resume)
    vim.ui.input(options, resume)
  end)
end

return M
