internal import Foundation
package import Logging
internal import RuntimeSupport
internal import Settings

/// Writes each log event to standard error as one line of JSON.
package struct JSONLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level = .info
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String

    /// Creates a handler for the logger of this label.
    package init(label: String, metadataProvider: Logger.MetadataProvider? = nil) {
        self.label = label
        self.metadataProvider = metadataProvider
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line: [String: String] = [
            "time": Timestamp.now().description, "level": event.level.rawValue, "logger": label,
            "message": "\(event.message)",
        ]
        let provided = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }
        for (key, value) in provided.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }) {
            line[key] = "\(value)"
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(line) else { return }
        // One write per line keeps the lines of different threads apart.
        // A failed write is ignored: logging must not stop the program.
        try? FileHandle.standardError.write(contentsOf: json + [UInt8(ascii: "\n")])
    }
}

extension LogSettings {
    /// Configures the logging system of this process. Call it once, before the first logger is created.
    ///
    /// - Parameter metadataProvider: adds metadata to each line; nil for none.
    package func bootstrap(metadataProvider: Logger.MetadataProvider? = nil) {
        let (format, level) = (format, level)
        LoggingSystem.bootstrap(
            { label, provider in
                var handler: any LogHandler
                switch format {
                case .text: handler = StreamLogHandler.standardError(label: label, metadataProvider: provider)
                case .json: handler = JSONLogHandler(label: label, metadataProvider: provider)
                }
                handler.logLevel = level
                return handler
            }, metadataProvider: metadataProvider)
    }
}
