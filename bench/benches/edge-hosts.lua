-- wrk: another host name with each request. HOSTS: how many.
local count, n = tonumber(os.getenv("HOSTS")), 0
request = function()
  n = (n + 1) % count
  wrk.headers["Host"] = "h" .. n .. ".bench.localhost"
  return wrk.format("GET", "/")
end
