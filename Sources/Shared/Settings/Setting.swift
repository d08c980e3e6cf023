internal import Configuration
internal import Foundation

/// One thing that can be set from the environment.
package struct Setting: Hashable, Sendable {
    /// The environment variable.
    package let name: String
    /// What applies when it is not set, as one would write it; nil if it has to be set.
    package let defaultValue: String?
    /// One line for `--help` and for the README, with the unit.
    package let help: String
    /// Whether its value must not be shown.
    package let isSecret: Bool

    package init(_ name: String, defaultValue: String? = nil, isSecret: Bool = false, help: String) {
        self.name = name
        self.defaultValue = defaultValue
        self.help = help
        self.isSecret = isSecret
    }
}

/// Reads settings; every value is checked where it is read.
package struct SettingReader: Sendable {
    private let config: ConfigReader

    /// Reads from the process's environment.
    package init() {
        self.init(environment: ProcessInfo.processInfo.environment)
    }

    package init(environment: [String: String]) {
        config = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: environment))
    }

    /// The value as text.
    package func text(_ setting: Setting) throws(SettingError) -> String {
        let key = ConfigKey(setting.name.lowercased().split(separator: "_").map(String.init))
        if let value = config.string(forKey: key, isSecret: setting.isSecret), !value.isEmpty { return value }
        guard let defaultValue = setting.defaultValue else {
            throw SettingError(description: "\(setting.name) is not set: \(setting.help)")
        }
        return defaultValue
    }

    /// The value as something else.
    ///
    /// - Parameters:
    ///   - rule: what the value has to be, to follow "must be".
    ///   - parse: nil if it is not.
    package func value<Value>(
        _ setting: Setting, mustBe rule: String, _ parse: (String) -> Value?
    ) throws(SettingError) -> Value {
        let text = try text(setting)
        guard let value = parse(text) else {
            let shown = setting.isSecret ? "" : ", not \"\(text)\""
            throw SettingError(description: "\(setting.name) must be \(rule)\(shown)")
        }
        return value
    }

    /// The value as a whole number.
    package func integer(_ setting: Setting, in range: ClosedRange<Int>) throws(SettingError) -> Int {
        try value(setting, mustBe: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// The value as a number of milliseconds.
    package func milliseconds(_ setting: Setting, in range: ClosedRange<Int>) throws(SettingError) -> Duration {
        .milliseconds(try integer(setting, in: range))
    }
}

extension [Setting] {
    /// The settings as a section of `--help`.
    package var help: String {
        let width = map(\.name.count).max() ?? 0
        let lines = map { setting in
            let name = setting.name.padding(toLength: width, withPad: " ", startingAt: 0)
            let defaultValue = setting.defaultValue.map { $0.isEmpty ? "" : " (default \($0))" } ?? " (required)"
            return "  \(name)  \(setting.help)\(defaultValue)"
        }
        return (["SETTINGS, from the environment:"] + lines).joined(separator: "\n")
    }
}
