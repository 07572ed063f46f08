/** `install-service`: writes the systemd unit (DEVICES 5.2), or prints it with `--print`. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import { readArguments } from './arguments.ts'

const unitPath = '/etc/systemd/system/travessia-agent.service'

/** `MemoryDenyWriteExecute` would stop V8, `PrivateDevices` would hide serial ports: both are left out. */
export function unitOf(exec: {
  node: string
  script: string
  config: string
  user: string
}): string {
  return `[Unit]
Description=Travessia agent
Wants=network-online.target
After=network-online.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
ExecStart=${exec.node} --max-old-space-size=128 ${exec.script} run --config ${exec.config}
User=${exec.user}
SupplementaryGroups=dialout video
StateDirectory=travessia
StateDirectoryMode=0700
Restart=always
RestartSec=2
WatchdogSec=60
TimeoutStartSec=infinity
TimeoutStopSec=20
MemoryMax=256M
TasksMax=128
LimitNOFILE=4096
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
CapabilityBoundingSet=
DevicePolicy=closed
DeviceAllow=char-ttyUSB rw
DeviceAllow=char-ttyACM rw
DeviceAllow=char-video4linux rw
UMask=0077

[Install]
WantedBy=multi-user.target
`
}

export async function run(args: string[]): Promise<void> {
  const { text, has } = readArguments(args, {
    print: { type: 'boolean' },
    user: { type: 'string' },
  })
  const unit = unitOf({
    node: process.execPath,
    script: resolve(process.argv[1] ?? ''),
    config: text('config') ?? '/var/lib/travessia/config.json',
    user: text('user') ?? 'travessia',
  })
  if (has('print')) {
    process.stdout.write(unit)
    return
  }
  try {
    writeFileSync(unitPath, unit, { mode: 0o644 })
  } catch (cause) {
    const problem = `${unitPath} cannot be written: run as root, or use --print`
    throw new TravessiaError('CONFIG_INVALID', { problem }, { cause })
  }
  spawnSync('systemctl', ['daemon-reload'], { stdio: 'ignore' })
  process.stdout.write(`${unitPath} written.\nNext: systemctl enable --now travessia-agent\n`)
}
