// When a backup is due, what it is called, which may go, whatever the clock does; durations and versions.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  ageText,
  backupName,
  backupsAmong,
  backupTime,
  isBackupDue,
  outdatedBackups,
  schemaRefusal,
} from '../../src/domain/backup.ts';
import { durationText, readDuration } from '../../src/domain/duration.ts';
import { error, ok, SEVERITIES, unknown, warning, worstFirst } from '../../src/domain/finding.ts';
import { isAtLeast } from '../../src/domain/version.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = new Date('2026-03-29T01:30:00.000Z');
const ago = (ms: number) => new Date(NOW.getTime() - ms);
const moments = fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });

describe('the name of a backup', () => {
  test('sorts as the times do, and tells the time', () => {
    fc.assert(
      fc.property(moments, moments, (one, other) => {
        const names = [one, other].map(backupName);
        assert.deepEqual(names.map(backupTime), [one, other]);
        assert.equal((names[0] ?? '') < (names[1] ?? ''), one < other);
      }),
    );
  });
  test('of something else tells none', () => {
    for (const name of [
      'homeport.db',
      'homeport-20260329T013000.000Z.backup.part',
      '.homeport-20260329T013000.000Z.backup',
      'homeport-20261329T013000.000Z.backup',
      'homeport-20260230T013000.000Z.backup',
      'before-upgrade.backup',
    ]) {
      assert.equal(backupTime(name), null, name);
    }
  });
});

describe('which backups may go', () => {
  test('only so many that the wanted number stays, the oldest first, and never the one just made', () => {
    fc.assert(
      fc.property(fc.uniqueArray(moments, { maxLength: 30 }), fc.integer({ min: 1, max: 20 }), (times, keep) => {
        const others = times.map(backupName).filter((name) => name !== backupName(NOW));
        const names = [...others, backupName(NOW), 'notes.txt', 'homeport.db'];
        const gone = outdatedBackups(names, backupName(NOW), keep, NOW);
        const left = names.filter((name) => backupTime(name) !== null && !gone.includes(name));
        assert.equal(left.length, Math.min(keep, others.length + 1));
        assert.ok(left.includes(backupName(NOW)));
        assert.ok(gone.every((name) => backupTime(name) !== null));
        const inOrder = backupsAmong(others, NOW);
        assert.deepEqual(gone, inOrder.slice(0, gone.length));
      }),
    );
  });
  test('one from the future was made under a wrong clock, and is older than what the right clock made', () => {
    const [future, past] = [backupName(ago(-DAY_MS)), backupName(ago(DAY_MS))];
    assert.deepEqual(backupsAmong([past, future], NOW), [future, past]);
    assert.deepEqual(outdatedBackups([past, future, backupName(NOW)], backupName(NOW), 2, NOW), [future]);
  });
  test('a clock that goes back makes the newest look oldest, and it stays all the same', () => {
    const made = backupName(new Date('1970-01-01T00:00:05Z'));
    const names = [backupName(NOW), backupName(ago(DAY_MS)), made];
    assert.ok(!outdatedBackups(names, made, 1, new Date('1970-01-01T00:00:06Z')).includes(made));
  });
});

describe('a backup is due', () => {
  const due = (newest: Date | null, sinceOwnMs: number | null, now = NOW) =>
    isBackupDue({ now, newest, sinceOwnMs }, DAY_MS);
  test('after a start: without any, after the time, or when the newest is from the future', () => {
    assert.equal(due(null, null), true);
    assert.equal(due(ago(DAY_MS - 1), null), false);
    assert.equal(due(ago(DAY_MS), null), true);
    assert.equal(due(ago(-1), null), true);
  });
  test('while it runs: by the steady clock alone, whatever the other one does', () => {
    for (const jumpMs of [-365 * DAY_MS, -DAY_MS, -HOUR_MS, 0, HOUR_MS, DAY_MS, 365 * DAY_MS]) {
      const now = new Date(NOW.getTime() + jumpMs);
      assert.equal(due(NOW, 1, now), false, `${jumpMs} ms: not many`);
      assert.equal(due(NOW, DAY_MS, now), true, `${jumpMs} ms: none is skipped`);
    }
  });
});

test('lengths of time are read and said as people do', () => {
  assert.deepEqual(['90m', '24h', '7d'].map(readDuration), [90 * 60_000, DAY_MS, 7 * DAY_MS]);
  for (const text of ['', '5', 'h', '1.5h', '-1h', '1w', '1 h', '100000m'])
    assert.equal(readDuration(text), null, text);
  assert.equal(durationText(59_000), '0 minutes');
  assert.equal(durationText(60_000), '1 minute');
  assert.equal(durationText(119 * 60_000), '119 minutes');
  assert.equal(durationText(DAY_MS), '24 hours');
  assert.equal(durationText(3 * DAY_MS), '3 days');
  assert.equal(ageText(ago(-HOUR_MS), NOW), '0 minutes');
});

test('versions compare by their numbers', () => {
  const cases: [string, string, boolean][] = [
    ['24.21.0', '24.21.0', true],
    ['24.9.0', '24.21.0', false],
    ['26.0.0', '24.21.0', true],
    ['3.51.2', '3.51.3', false],
    ['3.54', '3.51.3', true],
  ];
  for (const [have, least, is] of cases) assert.equal(isAtLeast(have, least), is, `${have} ≥ ${least}`);
});

test('a schema is refused when it has something that this program does not know', () => {
  assert.equal(schemaRefusal(['1', '2'], ['1', '2', '3']), null);
  assert.match(schemaRefusal(['1', '4'], ['1', '2', '3']) ?? '', /has 4, .* newest that it knows is 3/);
});

test('findings are told with the worst first, and unknown is worse than doubtful', () => {
  const findings = [ok('a', 'a'), warning('b', 'b', 'r'), unknown('c', 'c', 'r'), error('d', 'd', 'r'), ok('e', 'e')];
  assert.deepEqual(
    worstFirst(findings).map(({ code }) => code),
    ['d', 'c', 'b', 'a', 'e'],
  );
  assert.deepEqual([...SEVERITIES], ['error', 'unknown', 'warning', 'ok']);
});
