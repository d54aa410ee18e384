-- io.popen over files: "r" reads what the program has written, "w" runs the program when the file is closed.
local run, run_on_close, check = ...
local open, tmpname, remove = io.open, os.tmpname, os.remove

function io.popen(command, mode)
  mode = mode or "r"
  local ok, problem = pcall(check, command, mode)
  if not ok then error(problem, 2) end
  local path = tmpname()
  if mode == "r" or mode == "rb" then
    local ran, reason = pcall(run, command, path)
    if not ran then
      remove(path)
      error(reason, 2)
    end
    local file, message, code = open(path, "rb")
    remove(path)
    return file, message, code
  end
  local file, message, code = open(path, "wb")
  if file then run_on_close(file, command, path) end
  return file, message, code
end
