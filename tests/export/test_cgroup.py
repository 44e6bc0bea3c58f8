"""Memory and processors that control groups leave to a process."""

from pathlib import Path

from hrpn_export.cgroup import memory_available, memory_limit, processor_limit


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_container_of_control_groups_2_is_seen(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/a/b\n",
            "proc/meminfo": "MemAvailable: 9000 kB\n",
            "sys/fs/cgroup/a/memory.max": "5000000\n",
            "sys/fs/cgroup/a/memory.current": "3000000\n",
            "sys/fs/cgroup/a/memory.stat": "inactive_file 500000\n",
            "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/b/memory.current": "100\n",
            "sys/fs/cgroup/a/b/memory.stat": "inactive_file 0\n",
            "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
        },
    )
    assert memory_limit(tmp_path) == 5_000_000
    assert memory_available(tmp_path) == 2_500_000
    assert processor_limit(tmp_path) == 1.5


def test_a_container_of_control_groups_1_is_seen(tmp_path: Path) -> None:
    groups = tmp_path / "sys/fs/cgroup"
    write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/outside\n1:cpu,cpuacct:/outside\n",
            "proc/meminfo": "MemAvailable: 2000 kB\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "5000000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "1000000\n",
            "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 0\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert memory_limit(tmp_path) == 5_000_000
    assert memory_available(tmp_path) == 2_048_000
    assert processor_limit(tmp_path) == 2
    (groups / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    (groups / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert (memory_limit(tmp_path), processor_limit(tmp_path)) == (None, None)


def test_the_system_says_what_is_available(tmp_path: Path) -> None:
    write(tmp_path, {"proc/meminfo": "MemTotal: 99 kB\nMemAvailable:    4000000 kB\n"})
    assert memory_available(tmp_path) == 4_096_000_000
    write(tmp_path, {"proc/self/cgroup": "1:cpu:/x\n"})
    assert memory_available(tmp_path) == 4_096_000_000


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    assert memory_available(tmp_path) is None
    assert (memory_limit(tmp_path), processor_limit(tmp_path)) == (None, None)


def test_a_group_of_the_older_kind_beside_one_of_the_newer(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n4:cpu,memory:/docker/abc\n",
            "proc/meminfo": "MemAvailable: 4000000 kB\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "500000000\n",
            "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 100000000\n",
        },
    )
    assert memory_available(tmp_path) == 1_600_000_000
