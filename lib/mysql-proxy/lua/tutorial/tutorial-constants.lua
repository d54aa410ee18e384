--[[
  tutorial-constants: what a script knows about the program that runs it.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-constants

  Try: connect; the versions are printed once per connection, when the script is run for it.
]]

-- Major, minor and patch, one byte each: 0x00900 is 0.9.0.
print(string.format("PROXY_VERSION: 0x%05x", proxy.PROXY_VERSION))
print("_VERSION: " .. _VERSION)

assert(proxy.PROXY_VERSION >= 0x00501, "this script needs MySQL Proxy 0.5.1 or later")
