"""What a Redis server computes itself, so that a take is one message and never begins anew.

The arithmetic is that of `limits`; tests let both meet the same requests. Numbers are Lua's, which
are exact up to 2**53: whole billionths of nine million USD.
"""

from __future__ import annotations

TAKE_REQUESTS = """
local most, wanted, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local held = redis.call('HMGET', KEYS[1], 'level', 'stamp')
local level, stamp = tonumber(held[1] or most), tonumber(held[2] or now)
level = math.min(level + math.max(now - stamp, 0) * most / 60, most)
local given = math.min(wanted, math.floor(level))
level = string.format('%.17g', level - given)
redis.call('HSET', KEYS[1], 'level', level, 'stamp', string.format('%.17g', math.max(now, stamp)))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {string.format('%.0f', given), level}
"""
"""`RequestBucket.taken`: the hash; per minute, wanted, now, seconds that the hash is kept."""

TAKE_MONEY = """
local worker, budget, least = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local wanted, now, lost, share = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local hash, spent, amounts, seen = redis.call('HGETALL', KEYS[1]), 0, {}, {}
for at = 1, #hash, 2 do
  local kind, name = string.match(hash[at], '^(%a+):(.*)$')
  if kind == 'held' then
    amounts[name] = tonumber(hash[at + 1])
  elseif kind == 'seen' then
    seen[name] = tonumber(hash[at + 1])
  elseif hash[at] == 'spent' then
    spent = tonumber(hash[at + 1])
  end
end
local left, mine = budget - spent, 0
for name, amount in pairs(amounts) do
  local dead = name ~= worker and now - (seen[name] or 0) > tonumber(lost)
  if dead or amount <= 0 then
    redis.call('HDEL', KEYS[1], 'held:' .. name, 'seen:' .. name)
  else
    left = left - amount
    if name == worker then mine = amount end
  end
end
local given = math.min(wanted, math.max(least, math.floor(left / share)))
if given > left or given < least or given <= 0 then return '0' end
mine = string.format('%.0f', mine + given)
redis.call('HSET', KEYS[1], 'held:' .. worker, mine, 'seen:' .. worker, ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[8])
return string.format('%.0f', given)
"""
"""`DailyBudget.take`: the hash; worker, budget, least, wanted, now, `LOST_S`, `SHARE_OF_REST`,
seconds that the hash is kept."""
