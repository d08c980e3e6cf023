import Claims
import DeadLetters
import Settings

extension OperatorSession {
    /// A session for the user at the terminal, with the stores from the environment.
    ///
    /// - Parameter command: names the connections.
    static func atTerminal(_ command: String = "claimctl dlq") throws(SettingError) -> OperatorSession {
        OperatorSession(
            try StoreSettings(SettingReader()), operatorName: Terminal.userName, connectionName: command,
            notice: { Terminal.note($0) }, progress: { ProgressLine.shared.show($0) })
    }
}
