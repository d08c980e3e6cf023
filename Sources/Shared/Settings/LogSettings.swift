package import Logging

/// How a program logs: one line a fact, to standard error.
package struct LogSettings: Sendable {
    package enum Format: String, Sendable {
        case text, json
    }

    package var format: Format
    package var level: Logger.Level

    package static let logFormat = Setting("CLAIMS_LOG_FORMAT", defaultValue: "text", help: "text or json")
    package static let logLevel = Setting(
        "CLAIMS_LOG_LEVEL", defaultValue: "info", help: "trace, debug, info, notice, warning, error or critical")

    package static let all = [logFormat, logLevel]

    package init(_ reader: SettingReader) throws(SettingError) {
        format = try reader.value(Self.logFormat, mustBe: "text or json", Format.init(rawValue:))
        level = try reader.value(
            Self.logLevel, mustBe: "trace, debug, info, notice, warning, error or critical",
            Logger.Level.init(rawValue:))
    }
}
