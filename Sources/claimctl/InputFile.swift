import Foundation

/// A file that an option names.
enum InputFile {
    /// Reads a file.
    ///
    /// - Parameter path: `-` for standard input.
    /// - Throws: ``Failure`` if it can't be read.
    static func read(_ path: String) throws(Failure) -> Data {
        do {
            return path == "-"
                ? try FileHandle.standardInput.readToEnd() ?? Data()
                : try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        } catch {
            throw Failure.failed("\(path) can't be read: \(error.localizedDescription)")
        }
    }
}
