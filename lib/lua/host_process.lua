-- io.popen over files: "r" reads what the program has written, "w" runs the program when the file is closed.
local run, run_on_close, check = ...
local open, tmpname, remove = io.open, os.tmpname, os.remove

function io.popen(command, mode)
  mode = mode or "r"
  check(command, mode)
  local path = tmpname()
  if mode == "r" or mode == "rb" then
    local ok, message = pcall(run, command, path)
    if not ok then
      remove(path)
      error(message, 0)
    end
    local file, problem, code = open(path, "rb")
    remove(path)
    return file, problem, code
  end
  local file, problem, code = open(path, "wb")
  if file then run_on_close(file, command, path) end
  return file, problem, code
end
