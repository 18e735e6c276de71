"""Examples that the help of each command ends with; a test parses each of them."""

from __future__ import annotations

# the words that call a command -> lines as they can be typed; "" is `orgcal` itself
EXAMPLES: dict[str, tuple[str, ...]] = {
    "": ("orgcal demo", "orgcal doctor --stack prod", "orgcal help exit-codes"),
    "new": ("orgcal new calendar-connector", "orgcal new infra --platform nango --cloud public"),
    "doctor": ("orgcal doctor", "orgcal doctor --stack prod --json"),
    "env": ('eval "$(orgcal env --stack prod)"', 'eval "$(orgcal env --unset)"'),
    "emulator": ("orgcal emulator start", "orgcal emulator status --json"),
    "emulator start": ("orgcal emulator start", "orgcal emulator start --port 8765"),
    "emulator stop": ("orgcal emulator stop", "orgcal emulator stop --stack try"),
    "emulator status": ("orgcal emulator status", "orgcal emulator status --json"),
    "up": ("orgcal up", "orgcal up --stack prod"),
    "destroy": ("orgcal destroy --stack dev", "orgcal destroy --stack pr-123 --purge --yes"),
    "ephemeral": ("orgcal ephemeral create pr-123 --from dev",),
    "ephemeral create": (
        "orgcal ephemeral create pr-123 --from dev",
        "orgcal ephemeral create pr-123 --set connector.platform.environment=preview",
    ),
    "tenants": ("orgcal tenants add contoso.com --name Contoso", "orgcal tenants list"),
    "tenants add": (
        "orgcal tenants add contoso.com --name Contoso",
        "orgcal tenants add northwind.com --access scoped --group 'Calendar users'",
    ),
    "tenants list": ("orgcal tenants list", "orgcal tenants list --stack prod --json"),
    "tenants show": ("orgcal tenants show Contoso", "orgcal tenants show contoso.com --json"),
    "tenants remove": ("orgcal tenants remove Contoso", "orgcal tenants remove Contoso --force"),
    "tenants export": ("orgcal tenants export --stack prod > organisations.jsonl",),
    "tenants import": (
        "orgcal tenants import organisations.jsonl",
        "orgcal tenants export --stack dev | orgcal tenants import - --stack prod",
    ),
    "log": ("orgcal log", "orgcal log Contoso --json"),
    "consent": ("orgcal consent link Contoso", "orgcal consent check --all"),
    "consent link": (
        "orgcal consent link Contoso",
        "orgcal consent link Contoso --days 14",
        "orgcal consent link --reconsent --json",
    ),
    "consent script": (
        "orgcal consent script Northwind --html steps.html",
        "orgcal consent script Northwind --powershell --undo",
    ),
    "consent serve": (
        "orgcal consent serve",
        "orgcal consent serve --port 8080 --trusted-proxy 10.0.0.5",
    ),
    "consent check": ("orgcal consent check Contoso", "orgcal consent check --all --json"),
    "verify": (
        "orgcal verify",
        "orgcal verify --tenant Contoso --sample 20",
        "orgcal verify --stack prod --html report.html --junit report.xml",
    ),
    "history": ("orgcal history Contoso --since 7d", "orgcal history --json"),
    "metrics": (
        "orgcal metrics",
        "orgcal metrics --output /var/lib/node_exporter/orgcal.prom",
        "orgcal metrics --listen 127.0.0.1:9464",
    ),
    "alerts": ("orgcal alerts test", "orgcal alerts send --stack prod"),
    "alerts send": ("orgcal alerts send", "orgcal alerts send --stack prod --json"),
    "alerts test": ("orgcal alerts test", "orgcal alerts test --stack prod"),
    "alerts list": ("orgcal alerts list", "orgcal alerts list --json"),
    "report": ("orgcal report --html health.html", "orgcal report --html health.html --stack prod"),
    "watch": ("orgcal watch --stack prod --listen 127.0.0.1:9464", "orgcal watch --once --no-rotate"),
    "preflight": ("orgcal preflight", "orgcal preflight --stack prod --json"),
    "status": ("orgcal status", "orgcal status --stack prod --json"),
    "adopt": (
        "orgcal adopt --stack prod --client-id 00000000-0000-0000-0000-000000000001",
        "orgcal adopt --client-id 00000000-0000-0000-0000-000000000001 --restore --yes",
    ),
    "ci": ("orgcal ci lint", "orgcal ci preview --stack prod"),
    "ci setup": (
        "orgcal ci setup github --repo acme/infra --environment prod --dry-run",
        "orgcal ci setup generic --issuer https://gitlab.example --dry-run",
    ),
    "ci lint": ("orgcal ci lint --stack prod", "orgcal ci lint --directory"),
    "ci preview": ("orgcal ci preview --stack prod", "orgcal ci preview --output comment.md"),
    "ci token": ("orgcal ci token azure",),
    "sweep": ("orgcal sweep", "orgcal sweep --yes", "orgcal sweep --older-than 3d --yes"),
    "rotate": (
        "orgcal rotate --if-expiring-within 30d",
        "orgcal rotate --status",
        "orgcal rotate --now --overlap 2d --stack prod",
    ),
    "demo": ("orgcal demo", "orgcal demo --keep --scoped"),
    "uninstall": ("orgcal uninstall --dry-run", "orgcal uninstall --yes"),
    "help": ("orgcal help consent link", "orgcal help exit-codes"),
    "completion": (
        'eval "$(orgcal completion bash)"',
        "orgcal completion fish > ~/.config/fish/completions/orgcal.fish",
    ),
}
