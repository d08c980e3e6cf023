internal import Foundation

/// The metrics of the operating system about this process, with the names that all Prometheus clients use.
///
/// <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>
package enum ProcessMetrics {
    /// Reads the present values from `/proc`. What cannot be read is left out.
    package static func families() -> [MetricFamily] {
        let stat = readStat()
        // The list includes the descriptor that reads it.
        let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))
            .map { Double($0.count - 1) }
        var limit = rlimit()
        let hasLimit = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        return [
            family(
                "process_cpu_seconds_total", .counter, "User and system CPU time of the process, in seconds.",
                stat?.cpuSeconds),
            family(
                "process_resident_memory_bytes", .gauge, "Resident memory of the process, in bytes.",
                stat?.residentBytes),
            family(
                "process_virtual_memory_bytes", .gauge, "Virtual memory of the process, in bytes.", stat?.virtualBytes),
            family("process_threads", .gauge, "Threads of the process.", stat?.threads),
            family("process_open_fds", .gauge, "Open file descriptors of the process.", descriptors),
            family(
                "process_max_fds", .gauge, "Maximum number of open file descriptors of the process.",
                hasLimit ? Double(limit.rlim_cur) : nil),
            family(
                "process_start_time_seconds", .gauge, "Start time of the process, in seconds since 1970.", startTime),
        ].compactMap(\.self)
    }

    /// Computed once: a value that differs between two scrapes looks like a restart.
    private static let startTime = readStat().map {
        $0.startTime(now: Date().timeIntervalSince1970, secondsSinceBoot: secondsSinceBoot())
    }

    private static func readStat() -> ProcessStat? {
        (try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8)).flatMap(ProcessStat.init)
    }

    private static func family(
        _ name: String, _ kind: MetricFamily.Kind, _ help: String, _ value: Double?
    ) -> MetricFamily? {
        value.map { MetricFamily(name: name, kind: kind, help: help, samples: [.init(labels: [], value: $0)]) }
    }

    private static func secondsSinceBoot() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// The fields of `/proc/PID/stat` that are exported (proc_pid_stat(5)).
struct ProcessStat: Hashable {
    let cpuSeconds: Double
    let threads: Double
    /// From the start of the machine to that of the process.
    let startSecondsAfterBoot: Double
    let virtualBytes: Double
    let residentBytes: Double

    /// - Returns: nil if the text is not in the documented form.
    init?(_ text: String) {
        // The second field is the name in parentheses, which may contain spaces and parentheses itself.
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(whereSeparator: \.isWhitespace).map { Double($0) }
        // The numbers of the manual page begin with 1, and two fields are before these.
        func field(_ number: Int) -> Double? { fields.indices.contains(number - 3) ? fields[number - 3] : nil }
        guard let user = field(14), let system = field(15), let threads = field(20), let start = field(22),
            let virtual = field(23), let resident = field(24)
        else { return nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        cpuSeconds = (user + system) / ticks
        self.threads = threads
        startSecondsAfterBoot = start / ticks
        virtualBytes = virtual
        residentBytes = resident * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Returns the start of the process in seconds since 1970.
    func startTime(now: Double, secondsSinceBoot: Double) -> Double {
        now - secondsSinceBoot + startSecondsAfterBoot
    }
}
