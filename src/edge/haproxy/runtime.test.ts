import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { admitCommands, commandsFor } from './commands.ts'
import { parseLastChecks, parseServersState } from './runtime.ts'

/** Taken from HAProxy 3.0.11. */
const servers = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 h1_4_1 1 s1 10.79.0.13 0 4 0 1 3 6 3 5 6 0 0 0 - 9001 - 0 0 - - 0
3 h1_4_1 2 s2 10.79.0.13 2 4 1 1 0 6 3 1000000001 6 0 0 0 - 9002 - 0 0 - - 0
3 h1_4_1 3 s3 127.0.0.1 0 5 1 1 9 1 0 0 14 0 0 0 - 1 - 0 0 - - 0

`

void suite("HAProxy's runtime words", () => {
  test('an armed slot whose checks pass is not up, has no weight and counts them', () => {
    assert.deepEqual(parseServersState(servers)[0], {
      backend: 'h1_4_1',
      slot: 's1',
      address: '10.79.0.13:9001',
      up: false,
      maintenance: false,
      weight: 0,
      passed: 5,
    })
  })

  test('an admitted slot is up with weight, an empty one is in maintenance', () => {
    const [, admitted, empty] = parseServersState(servers)
    assert.deepEqual([admitted?.up, admitted?.weight, admitted?.maintenance], [true, 1, false])
    assert.deepEqual([empty?.up, empty?.maintenance], [false, true])
  })

  test('the last check is told in words', () => {
    const header = '# pxname,svname,check_status,check_code,last_chk,'
    const rows = ['l,s1,L4CON,,Connection refused,', 'l,s2,L7STS,503,"",', 'l,s3,* L7TOUT,,,', 'l,s4,INI,,,']
    assert.deepEqual(
      [...parseLastChecks([header, ...rows].join('\n')).values()],
      ['connection refused', 'HTTP 503', 'timeout after 1 s', 'INI'],
    )
  })

  test('a slot is armed with weight 0 first, and admitted with its weight last', () => {
    assert.deepEqual(commandsFor('lane', { kind: 'place', slot: 1, address: '10.0.0.1:32768', armed: false }), [
      'set server lane/s2 weight 0',
      'set server lane/s2 state ready',
      'set server lane/s2 health down',
      'set server lane/s2 addr 10.0.0.1 port 32768',
    ])
    assert.deepEqual(admitCommands('lane', 1), ['set server lane/s2 health up', 'set server lane/s2 weight 100%'])
  })
})
