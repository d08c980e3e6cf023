package import Logging

/// The log format and level of a program. Programs log to standard error, one line per event.
package struct LogSettings: Sendable {
    /// The format of a log line.
    package enum Format: String, Sendable {
        case text, json
    }

    package var format: Format
    package var level: Logger.Level

    package static let logFormat = Setting("CLAIMS_LOG_FORMAT", defaultValue: "text", help: "text or json")
    package static let logLevel = Setting(
        "CLAIMS_LOG_LEVEL", defaultValue: "info", help: "trace, debug, info, notice, warning, error or critical")

    /// All log settings, for `--help`.
    package static let all = [logFormat, logLevel]

    /// Reads the log settings.
    ///
    /// - Throws: ``SettingError`` if a value is invalid.
    package init(_ reader: SettingReader) throws(SettingError) {
        format = try reader.value(Self.logFormat, mustBe: "text or json", Format.init(rawValue:))
        level = try reader.value(
            Self.logLevel, mustBe: "trace, debug, info, notice, warning, error or critical",
            Logger.Level.init(rawValue:))
    }
}
